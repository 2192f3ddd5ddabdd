import type { NodePath } from "@keygrove/hierarchy"
import { encodePieceRequest, type CustodyView } from "@keygrove/peering"
import { findNode, hasKeys } from "@keygrove/ledger"
import type { CallOptions, PeerAddress, PiecesContext } from "@keygrove/service"

/** How long a member may take to answer before it counts as off. */
const ANSWER_TIMEOUT_MS = 5_000
/** Asked at once. */
const PARALLEL = 32

/** The members that answer now, this node among them. A locked one does not: it has no pieces to give. */
export async function membersOn(
  { transport }: Pick<PiecesContext, "transport">,
  { custody, self, state }: CustodyView,
  { signal }: CallOptions,
): Promise<ReadonlySet<NodePath>> {
  const on = new Set<NodePath>([self.path])
  const queue = [...custody.members.values()].filter(({ path }) => path !== self.path)
  const { path: owner } = self
  // Whatever it answers, it has its keystore open.
  const question = encodePieceRequest({ op: "approvals", owner, request: new Uint8Array(32) })
  const lane = async (): Promise<void> => {
    for (let member = queue.shift(); member !== undefined; member = queue.shift()) {
      const node = findNode(state, { cluster: self.cluster, path: member.path })
      if (node === undefined || !hasKeys(node)) continue
      const peer = { signingKey: node.keys.signingKey, addresses: member.addresses }
      const until = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)])
      if (await answers(transport, peer, question, until)) on.add(member.path)
      signal.throwIfAborted()
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, lane))
  return on
}

async function answers(
  transport: PiecesContext["transport"],
  peer: PeerAddress,
  question: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return (await transport.request(peer, "pieces", question, { signal })).ok
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
}
