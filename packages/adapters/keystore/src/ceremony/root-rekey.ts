import { rmSync } from "node:fs"
import { equalBytes, ok, refuse, unwrap, type Result, type Secret } from "@keygrove/base"
import {
  clusterIdOf,
  decodeGeneration,
  deriveAnchor,
  deriveChild,
  deriveRoot,
  parentPath,
  pathNames,
  ROOT_PATH,
  type ClusterId,
  type Generation,
  type NodePath,
} from "@keygrove/hierarchy"
import { encodeInvitation, invitationSignBytes } from "@keygrove/ledger"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { Terminal } from "../terminal/terminal.ts"
import { newSeed } from "./ceremony.ts"
import { newCode, NodeSecretSeal, writeCode } from "./invitation-code.ts"
import { readRoot, type WordsSource } from "./root-source.ts"
import { signEntry } from "./sign-entry.ts"
import type { WordsPassphraseSource } from "./words-passphrase.ts"

export interface RootRekeyOrder {
  /** The cluster whose root is replaced, in full. */
  readonly cluster: ClusterId
  /** Of its root: the old words. */
  readonly words: WordsSource
  /** The passphrase that the new words are to have, if any. */
  readonly newPassphrase?: WordsPassphraseSource
  /** New words go to this new file instead of the terminal. */
  readonly wordsOut?: string
  /** The moving code goes to this new file instead of the terminal. */
  readonly codeOut?: string
  /** Nodes to certify anew, parents before their children. */
  readonly nodes: readonly NodePath[]
  /** Where the ledger is followed, for the invitations. */
  readonly ledger: string
}

/** What is known of a new root: nothing secret. */
export interface RootRekeyOutcome {
  readonly successor: ClusterId
  /** The new root's anchor, Ed25519, 32 bytes. */
  readonly anchorKey: Uint8Array
  /** The encoded entry by which the new cluster announces itself. */
  readonly announced: Uint8Array
  /** The encoded entry `root-replaced`, by the old root. */
  readonly replaced: Uint8Array
  /** `kginvite1…` for each node, in the order asked for, with its certificate inside. */
  readonly invitations: readonly string[]
}

/**
 * Makes the words of a new root, certifies every node below it, and makes their invitations, all under one code; the old root signs that it was replaced. The words are asked back as those of a new cluster are. Words and
 * code pass through strings, so the process must end afterwards; nothing is written but the files that were asked for.
 */
export async function replaceRoot(tools: KeystoreTools, order: RootRekeyOrder, options: SourceOptions): Promise<Result<RootRekeyOutcome>> {
  const { primitives } = tools
  const isTyped = order.words.descriptor === undefined && (order.words.shares ?? []).length === 0
  if (isTyped) announce("\nFirst the words of the root that is replaced.\n")
  const read = await readRoot(tools, order, options)
  if (!read.ok) return read
  using old = read.value
  using oldAnchor = deriveAnchor(primitives, old.secret)
  using undo = new DisposableStack()
  // Words of a root that certified nobody are worth nothing, and would be in the way of the next try.
  const discard = (path: string): void => void undo.adopt(path, (made) => rmSync(made, { force: true }))
  const { newPassphrase: passphrase, wordsOut } = order
  if (wordsOut === undefined) announce("\nNow the words of the new root.\n")
  const source = { ...(passphrase === undefined ? {} : { passphrase }), ...(wordsOut === undefined ? {} : { wordsOut }) }
  const made = await newSeed(tools, source, { ...options, discard })
  if (!made.ok) return made
  using seed = made.value
  using root = deriveRoot(primitives, seed)
  using anchor = deriveAnchor(primitives, root)
  if (equalBytes(anchor.publicKey, oldAnchor.publicKey)) throw new RangeError("new words are the old ones; the randomness is broken")
  const successor = clusterIdOf(primitives, anchor.publicKey)
  const code = newCode(tools.random)
  const invitations = inviteAll(tools, { root, successor, code }, order)
  const shown = showMovingCode(code, order)
  if (!shown.ok) return shown
  undo.move()
  const { publicKey: anchorKey } = anchor
  const byRoot = { cluster: successor, path: ROOT_PATH }
  const announced = signEntry(primitives, { kind: "cluster", body: { anchorKey } }, byRoot, anchor)
  const replacement = { kind: "root-replaced", body: { successor, anchorKey } } as const
  const replaced = signEntry(primitives, replacement, { cluster: old.cluster, path: ROOT_PATH }, oldAnchor)
  return ok({ successor, anchorKey, announced, replaced, invitations })
}

/** Certifies every node, each by its parent's new anchor, and seals its new secret. Node secrets are wiped before this returns; `root` is borrowed. */
function inviteAll(
  tools: KeystoreTools,
  { code, root, successor }: { readonly root: Secret; readonly successor: ClusterId; readonly code: readonly string[] },
  { ledger, nodes }: RootRekeyOrder,
): readonly string[] {
  const { primitives } = tools
  using owned = new DisposableStack()
  const seal = owned.use(new NodeSecretSeal(tools, code))
  const secrets = new Map<NodePath, Secret>([[ROOT_PATH, root]])
  return nodes.map((path) => {
    const above = parentPath(path)
    const parent = above === undefined ? undefined : secrets.get(above)
    const name = pathNames(path).at(-1)
    if (above === undefined || parent === undefined || name === undefined || secrets.has(path))
      throw new RangeError(`nodes are named once each, parents before their children; ${path} is not`)
    const node = owned.use(deriveChild(primitives, parent, { name, generation: FIRST }))
    secrets.set(path, node)
    using anchor = deriveAnchor(primitives, node)
    using parentAnchor = deriveAnchor(primitives, parent)
    const body = { path, generation: FIRST, anchorKey: anchor.publicKey }
    const certificate = signEntry(primitives, { kind: "node", body }, { cluster: successor, path: above }, parentAnchor)
    const invitation = { certificate, ledger, secret: seal.seal(node, { certificate, ledger }) }
    const signature = primitives.ed25519.sign(parentAnchor.seed, invitationSignBytes(invitation))
    return encodeInvitation({ ...invitation, signature })
  })
}

const FIRST: Generation = unwrap(decodeGeneration(1))

function showMovingCode(code: readonly string[], { codeOut, nodes }: RootRekeyOrder): Result<true> {
  if (codeOut !== undefined) return writeCode(codeOut, code)
  using terminal = Terminal.openControlling()
  if (terminal === undefined)
    return refuse("INVITATION_CODE_UNWRITABLE", "there is no terminal to show the moving code on; give --code-out FILE, nothing was made")
  const machines = nodes.length === 1 ? "the machine of the node" : `each of the ${nodes.length} machines`
  terminal.say(
    `\nMoving code. Write it down and type it at ${machines}, with \`keygrove node move\`; it is shown once. Destroy it when all have moved.\n\n    ${code.join(" ")}\n\n`,
  )
  return ok(true)
}

/** On the terminal of a person, when there is one. */
function announce(text: string): void {
  using terminal = Terminal.openControlling()
  terminal?.say(text)
}
