import { refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { findNode, findNodeByKey, openInvitation, successorsOf, type LedgerState } from "@keygrove/ledger"
import { decodeMoveAnswer, encodeMoveRequest } from "@keygrove/peering"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { NodeIdentity } from "../ports/keystore.ts"
import type { PeerAddress } from "../ports/transport.ts"

/** Where this node keeps its invitation to the root that replaced its own. */
export interface InvitationFile {
  read(): string | undefined
  /** Keeps it durably, in the place of an earlier one. */
  keep(invitation: string): void
}

export interface OwnInvitationSources {
  readonly file: InvitationFile
  /** Where the ledger's host is now; `undefined` for the host itself. */
  readonly ledgerHost: () => PeerAddress | undefined
}

type AskingContext = Pick<NodeContext, "clock" | "keystore" | "primitives" | "replica" | "transport">

/** Pause before others are asked again: doubled from the first to the last. */
const FIRST_PAUSE_MS = 5_000
const LAST_PAUSE_MS = 300_000
/** How long one of them may take. */
const ASK_TIMEOUT_MS = 8_000
/** Nodes that are asked in one round. */
const MAX_ASKED = 64

/**
 * Whether an invitation is for this node, from the cluster whose root came in the place of its own, or of one after that.
 * @param text `kginvite1…`
 */
export function isOwnInvitation(
  primitives: Pick<Primitives, "ed25519">,
  state: LedgerState,
  { cluster, path }: Pick<NodeIdentity, "cluster" | "path">,
  text: string,
): boolean {
  const opened = openInvitation(primitives, text)
  return opened.ok && opened.value.child.path === path && [...successorsOf(state, cluster)].includes(opened.value.author.cluster)
}

/**
 * Asks other nodes for this one's invitation once its root was replaced, and keeps it, so that the person at this machine can move the node also when nobody else is in reach. Works until it has one, or the signal fires.
 * Any node may be asked and any may answer: the invitation is signed by this node's parent below the new root, and opens only with a code that none of them has.
 */
export async function seekOwnInvitation(context: AskingContext, sources: OwnInvitationSources, { signal }: CallOptions): Promise<void> {
  const { clock, keystore, primitives, replica } = context
  for await (const { state } of replica.changes({ signal })) {
    const own = keystore.identity()
    if (state.clusters.get(own.cluster)?.replacedBy === undefined) continue
    const isKept = (): boolean => {
      const kept = sources.file.read()
      return kept !== undefined && isOwnInvitation(primitives, replica.state, own, kept)
    }
    for (let pauseMs = FIRST_PAUSE_MS; !isKept(); pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS)) {
      const found = await askAll(context, sources, { signal })
      if (found === undefined) await clock.sleep(pauseMs, { signal })
      else sources.file.keep(found)
    }
    return
  }
}

async function askAll(context: AskingContext, { ledgerHost }: OwnInvitationSources, options: CallOptions): Promise<string | undefined> {
  const { keystore, primitives, replica } = context
  for (const peer of peersOf(context, ledgerHost())) {
    const answered = await ask(context, peer, options)
    if (answered.ok && isOwnInvitation(primitives, replica.state, keystore.identity(), answered.value)) return answered.value
  }
  return undefined
}

/** The ledger's host, who is connected, and who says on the ledger where it is: nodes of this node's clusters, old and new. */
function peersOf({ keystore, replica, transport }: AskingContext, host: PeerAddress | undefined): readonly PeerAddress[] {
  const { state } = replica
  const own = keystore.identity()
  const clusters = [own.cluster, ...successorsOf(state, own.cluster)]
  const connected = transport.peers().flatMap((signingKey) => {
    const node = findNodeByKey(state, signingKey)
    return node !== undefined && clusters.includes(node.cluster) ? { signingKey, addresses: node.terms?.addresses ?? [] } : []
  })
  const offering = clusters.flatMap((cluster) =>
    [...(state.clusters.get(cluster)?.nodes.values() ?? [])].flatMap(({ keys, terms }) =>
      keys === undefined || terms === undefined ? [] : { signingKey: keys.signingKey, addresses: terms.addresses },
    ),
  )
  const peers = new Map([...(host === undefined ? [] : [host]), ...connected, ...offering].map((peer) => [toHex(peer.signingKey), peer]))
  peers.delete(toHex(findNode(state, own)?.keys?.signingKey ?? own.keys.signingKey))
  return [...peers.values()].slice(0, MAX_ASKED)
}

async function ask({ transport }: AskingContext, peer: PeerAddress, { signal }: CallOptions): Promise<Result<string, Refusal["code"]>> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS)])
  const answered = await transport.request(peer, "move", encodeMoveRequest({ op: "invitation" }), { signal: deadline })
  if (!answered.ok) return answered
  const answer = decodeMoveAnswer(answered.value)
  if (!answer.ok) return answer
  return answer.value.kind === "invitation" ? { ok: true, value: answer.value.invitation } : refuse(answer.value.code, answer.value.message)
}
