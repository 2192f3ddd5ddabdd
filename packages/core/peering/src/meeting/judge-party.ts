import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { clusterIdOf, ROOT_PATH } from "@keygrove/hierarchy"
import {
  decodeKeyChainHead,
  extendKeyChain,
  finishKeyChain,
  hasKeys,
  isSameHead,
  type ClusterState,
  type KeyChainHead,
  type VerifiedKeyChain,
} from "@keygrove/ledger"
import type { MeetingIdentity } from "./meeting-messages.ts"
import type { Meeting, MeetingRefusal, MeetingTools, MetParty } from "./meeting.ts"

/** Bytes of a key chain that is taken in a meeting; a hundred thousand statements are about 30 MB. */
const MAX_MEETING_CHAIN_BYTES = 33_554_432

/** Whether a side may be who it says it is, before its key chain was seen. */
export function judgeIdentity(tools: MeetingTools, meeting: Meeting, identity: MeetingIdentity): Result<KeyChainHead, MeetingRefusal> {
  const { code, party, peer, role } = meeting
  const { anchorKey, cluster, path, signingKey } = identity
  if (cluster === party.identity.cluster)
    return refuse("MEETING_OWN_CLUSTER", "the other side is a node of this cluster; its nodes know each other without meeting")
  if (clusterIdOf(tools.primitives, anchorKey) !== cluster || path === ROOT_PATH)
    return wrong("its cluster is not the one of its root's anchor")
  if (role === "scans" && cluster !== code.cluster) return wrong("it is of another cluster than its code says")
  if (peer === undefined || !equalBytes(peer, signingKey)) return wrong("it says another key than it has")
  const head = decodeKeyChainHead(identity.head)
  if (!head.ok) return head
  const { author } = head.value
  if (author.cluster !== cluster || author.path !== path || !equalBytes(author.key, signingKey))
    return wrong("its key chain is closed by another node")
  return head
}

/** Takes further entries of the other side's key chain; those that are here already are passed over. */
export function takeEntries(
  tools: MeetingTools,
  other: MetParty,
  { entries, from }: { readonly entries: readonly Uint8Array[]; readonly from: number },
): Result<MetParty, MeetingRefusal> {
  const head = decodeKeyChainHead(other.identity.head)
  if (!head.ok) return head
  const known = tools.known(other.identity.cluster)
  let { chain } = other
  const fresh = from > chain.head.length ? [] : entries.slice(chain.head.length - from, head.value.length - from)
  const bytes = [...other.entries, ...fresh].reduce((sum, entry) => sum + entry.length, 0)
  if (bytes > MAX_MEETING_CHAIN_BYTES)
    return refuse("MEETING_CHAIN_TOO_LONG", `its key chain has more than ${MAX_MEETING_CHAIN_BYTES} bytes, which no meeting takes`)
  for (const entry of fresh) {
    const extended = extendKeyChain(tools.primitives, chain, entry)
    if (!extended.ok) return extended
    chain = extended.value
    if (chain.head.length === known?.length && !isSameHead(chain.head, known))
      return refuse("KEY_CHAIN_FORKED", `the first ${known.length} entries of its key chain are others than those seen before`)
  }
  const taken = { ...other, chain, entries: fresh.length === 0 ? other.entries : [...other.entries, ...fresh] }
  return chain.head.length < head.value.length ? ok(taken) : close(tools, taken, head.value)
}

function close(tools: MeetingTools, other: MetParty, head: KeyChainHead): Result<MetParty, MeetingRefusal> {
  const { chain, identity } = other
  const known = tools.known(identity.cluster)
  if (known !== undefined && known.length > chain.head.length)
    return refuse("KEY_CHAIN_TRUNCATED", `${known.length} entries of its key chain were seen before, now there are ${chain.head.length}`)
  const verified: Result<VerifiedKeyChain, MeetingRefusal> = finishKeyChain(tools.primitives, chain, head)
  if (!verified.ok) return verified
  const standing = judgeStanding(verified.value.members, identity)
  return standing.ok ? ok({ ...other, verified: verified.value }) : standing
}

/** Whether a cluster has the node, with this key, and its root has not stepped down. */
function judgeStanding(members: ClusterState, { generation, path, signingKey }: MeetingIdentity): Result<true, MeetingRefusal> {
  if (members.replacedBy !== undefined)
    return refuse(
      "MEETING_ROOT_REPLACED",
      `its root stepped down for cluster ${members.replacedBy.successor.slice(0, 16)}; meet a node of that one`,
    )
  const node = members.nodes.get(path)
  if (node !== undefined && hasKeys(node) && node.generation === generation && equalBytes(node.keys.signingKey, signingKey)) return ok(true)
  return refuse("MEETING_NODE_ENDED", `${path} is no node of its cluster with this key, or not any more`)
}

function wrong(why: string): Refusal<"MEETING_IDENTITY_WRONG"> {
  return refuse("MEETING_IDENTITY_WRONG", `the other side is not who it says it is: ${why}`)
}
