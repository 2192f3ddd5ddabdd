import type { DatabaseSync } from "node:sqlite"
import { ok, refuse, type Result, type Secret } from "@keygrove/base"
import {
  deriveAnchor,
  deriveChild,
  isSameNode,
  parentPath,
  pathNames,
  type Anchor,
  type Generation,
  type NodePath,
  type NodeReference,
  type NodeRevocation,
  type RekeyOrder,
} from "@keygrove/hierarchy"
import { encodeInvitation, invitationSignBytes, type Author, type Invitation } from "@keygrove/ledger"
import type { KeystoreTools } from "../engine.ts"
import type { SecretSource } from "../secret-source.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { openStore } from "../stored-node.ts"
import { Terminal } from "../terminal/terminal.ts"
import { newCode, NodeSecretSeal, writeCode } from "./invitation-code.ts"
import { readRoot, type WordsSource } from "./root-source.ts"
import { signEntry } from "./sign-entry.ts"

/** What an anchor is asked to sign. All of it is public. */
export type AdministrativeAct =
  | { readonly kind: "invite"; readonly path: NodePath; readonly generation: Generation; readonly ledger: string }
  | { readonly kind: "revoke"; readonly revocation: NodeRevocation }
  | { readonly kind: "order-rekey"; readonly order: RekeyOrder }

/** Whose anchor signs, and how its secret is opened. */
export type Administrator =
  /** The node of this home. */
  { readonly kind: "node"; readonly unlock: SecretSource } | { readonly kind: "root"; readonly words: WordsSource }

export interface AdministrationOrder {
  /** Who has to sign; what is opened must be that node. */
  readonly author: NodeReference
  readonly administrator: Administrator
  readonly act: AdministrativeAct
  /** The code of an invitation goes to this file instead of the terminal. */
  readonly codeOut?: string
}

/** What an act makes known: nothing secret. */
export interface AdministrationOutcome {
  /** The encoded ledger entry. */
  readonly entry: Uint8Array
  /** `kginvite1…`, of an act that invites. */
  readonly invitation?: string
}

/**
 * Has the anchor of a node, or of the root, sign one statement about a node below it. The node secret is opened for that alone and wiped before this returns; a running
 * keystore does not have it. Codes pass through strings, so the process must end afterwards.
 */
export async function administer(
  database: DatabaseSync | undefined,
  tools: KeystoreTools,
  order: AdministrationOrder,
  options: SourceOptions,
): Promise<Result<AdministrationOutcome>> {
  const opened = await openSecret(database, tools, order, options)
  if (!opened.ok) return opened
  using secret = opened.value
  using anchor = deriveAnchor(tools.primitives, secret)
  const author: Author = { ...order.author, key: anchor.publicKey }
  const { act } = order
  const { primitives } = tools
  if (act.kind === "revoke") return ok({ entry: signEntry(primitives, { kind: "node-revoked", body: act.revocation }, author, anchor) })
  if (act.kind === "order-rekey") return ok({ entry: signEntry(primitives, { kind: "rekey-ordered", body: act.order }, author, anchor) })
  return invite(tools, { act, author, anchor, parent: secret }, order.codeOut)
}

async function openSecret(
  database: DatabaseSync | undefined,
  tools: KeystoreTools,
  { administrator, author }: AdministrationOrder,
  options: SourceOptions,
): Promise<Result<Secret>> {
  if (administrator.kind === "root") {
    const root = await readRoot(tools, { words: administrator.words, cluster: author.cluster }, options)
    return root.ok ? ok(root.value.secret) : root
  }
  if (database === undefined) throw new TypeError("a node's secret is in its keystore")
  const opened = await openStore(database, tools, administrator.unlock, options)
  if (!opened.ok) return opened
  using store = opened.value
  const { nodeSecret, record } = store.node
  if (isSameNode(record, author)) return ok(nodeSecret.copy())
  return refuse("KEYSTORE_RECORD_CORRUPT", `the keystore holds ${record.path}, not ${author.path}; give the right home`)
}

interface Inviting {
  readonly act: Extract<AdministrativeAct, { readonly kind: "invite" }>
  readonly author: Author
  readonly anchor: Anchor
  /** Secret of the author. */
  readonly parent: Secret
}

function invite(
  tools: KeystoreTools,
  { act, anchor, author, parent }: Inviting,
  codeOut: string | undefined,
): Result<AdministrationOutcome> {
  const { generation, ledger, path } = act
  const name = pathNames(path).at(-1)
  if (name === undefined || parentPath(path) !== author.path)
    return refuse("NODE_NOT_A_CHILD", `${path} is no child of ${author.path}; invite it on its own parent`)
  using child = deriveChild(tools.primitives, parent, { name, generation })
  using childAnchor = deriveAnchor(tools.primitives, child)
  const body = { path, generation, anchorKey: childAnchor.publicKey }
  const certificate = signEntry(tools.primitives, { kind: "node", body }, author, anchor)
  const code = newCode(tools.random)
  const shown = showCode(code, path, codeOut)
  if (!shown.ok) return shown
  using seal = new NodeSecretSeal(tools, code)
  const invitation: Invitation = { certificate, ledger, secret: seal.seal(child, { certificate, ledger }) }
  const signature = tools.primitives.ed25519.sign(anchor.seed, invitationSignBytes(invitation))
  return ok({ entry: certificate, invitation: encodeInvitation({ ...invitation, signature }) })
}

function showCode(code: readonly string[], path: NodePath, codeOut: string | undefined): Result<true> {
  if (codeOut !== undefined) return writeCode(codeOut, code)
  using terminal = Terminal.openControlling()
  if (terminal === undefined)
    return refuse("INVITATION_CODE_UNWRITABLE", "there is no terminal to show the code on; give --code-out FILE, nothing was made")
  terminal.say(
    `\nCode of the invitation for ${path}. Send it by another way than the invitation, e.g. by telephone; it is shown once.\n\n    ${code.join(" ")}\n\n`,
  )
  return ok(true)
}
