import { resolve } from "node:path"
import { ok, refuse, type CborValue, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeClusterId, type ClusterId, type NodePath } from "@keygrove/hierarchy"
import { openInvitation } from "@keygrove/ledger"
import type { CallOptions } from "@keygrove/service"
import { recoverArguments, runCeremony, withoutResult, wordsPassphraseArguments, type WordsSources } from "./ceremony-process.ts"

/** Nodes that one plan has at most: its invitations have to fit the ceremony's answer. Others are invited by their parents that have moved. */
export const MAX_ROOT_REKEY_NODES = 256

/** What replaces the root of a cluster. All of it is public. */
export interface RootRekeyOrder {
  /** The cluster whose root is replaced, in full. */
  readonly cluster: ClusterId
  /** Every node that stands, parents before their children; at most 256. */
  readonly nodes: readonly NodePath[]
  /** Where the ledger is followed, for the invitations: /ip4/…/tcp/…/p2p/… */
  readonly ledger: string
  /** The new words go to this new file instead of the terminal. */
  readonly wordsOut?: string
  /** The moving code goes to this new file instead of the terminal. */
  readonly codeOut?: string
}

/** Descriptors of what a person has; this process never reads them. */
export interface RootRekeySources extends WordsSources {
  /** Of the passphrase that the new words are to have, if any; asked for twice on a terminal. */
  readonly newWordsPassphraseSource?: number | "terminal"
}

/** What the nodes of a replaced root need to move, and what the ledger has to hear. Nothing in it is secret: the invitations open only with the moving code. */
export interface RootRekeyPlan {
  readonly successor: ClusterId
  /** The new root's anchor, Ed25519, 32 bytes. */
  readonly anchorKey: Uint8Array
  /** Encoded entries of the new cluster: `cluster`, then each node's certificate, parents first, all of generation 1. */
  readonly entries: readonly Uint8Array[]
  /** The encoded entry `root-replaced`, signed by the old root's anchor; for the ledger after {@link RootRekeyPlan.entries}. */
  readonly replaced: Uint8Array
  /** `kginvite1…` for each node, in the order that was asked for; all sealed under the one moving code. */
  readonly invitations: readonly { readonly path: NodePath; readonly invitation: string }[]
}

/**
 * Runs the ceremony that makes the words of a new root, with those of the old one: it certifies every node anew and makes their invitations, and ends. No home is opened and nothing is changed; until the
 * plan is kept, the new words are worth nothing. Takes as long as a person writes down 24 words.
 */
export async function planRootRekey(order: RootRekeyOrder, sources: RootRekeySources, call: CallOptions): Promise<Result<RootRekeyPlan>> {
  const { codeOut, nodes, wordsOut } = order
  if (nodes.length === 0 || nodes.length > MAX_ROOT_REKEY_NODES)
    return refuse(
      "ROOT_REKEY_TOO_LARGE",
      `${nodes.length} nodes are to move; a plan has 1 to ${MAX_ROOT_REKEY_NODES}: leave out the lowest ones, and invite them on their parents when those have moved`,
    )
  const placed = {
    ...order,
    ...(wordsOut === undefined ? {} : { wordsOut: resolve(wordsOut) }),
    ...(codeOut === undefined ? {} : { codeOut: resolve(codeOut) }),
  }
  const args = ["root-rekey", "--order", JSON.stringify(placed), ...recoverArguments(sources), ...wordsPassphraseArguments(sources)]
  const { newWordsPassphraseSource: passphrase } = sources
  if (passphrase !== undefined) args.push("--new-words-passphrase", passphrase === "terminal" ? "terminal" : "descriptor")
  const outcome = await runCeremony(args, { ...sources, passphraseSource: typeof passphrase === "number" ? passphrase : undefined }, call)
  return outcome.ok ? planOf(nodes, outcome.value) : outcome
}

/** Certificates are inside their invitations. */
function planOf(nodes: readonly NodePath[], fields: ReadonlyMap<string, CborValue>): Result<RootRekeyPlan> {
  const successor = decodeClusterId(fields.get("successor"))
  const [anchorKey, announced, replaced, texts] = ["anchorKey", "announced", "replaced", "invitations"].map((name) => fields.get(name))
  if (!successor.ok || !(anchorKey instanceof Uint8Array) || !(announced instanceof Uint8Array) || !(replaced instanceof Uint8Array))
    return withoutResult()
  if (!Array.isArray(texts) || texts.length !== nodes.length) return withoutResult()
  const entries = [announced]
  const invitations: { readonly path: NodePath; readonly invitation: string }[] = []
  for (const [index, path] of nodes.entries()) {
    const text = texts[index]
    const opened = typeof text === "string" ? openInvitation(nativePrimitives, text) : withoutResult()
    if (!opened.ok || typeof text !== "string" || opened.value.child.path !== path) return withoutResult()
    entries.push(opened.value.certificate)
    invitations.push({ path, invitation: text })
  }
  return ok({ successor: successor.value, anchorKey, entries, replaced, invitations })
}
