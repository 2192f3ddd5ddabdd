import { unwrap } from "@keygrove/base"
import { decodeGeneration, decodeTimestamp, type Timestamp } from "@keygrove/hierarchy"
import { emptyHead, encodeKeyChainHead, keyChainHeadSignBytes, nextHead } from "@keygrove/ledger"
import {
  anchorName,
  clusterEntry,
  kitBytes,
  kitChild,
  kitKey,
  kitPrimitives,
  kitRoot,
  kitSeed,
  nodeEntry,
  rekeyEntry,
  signingName,
  type KitNode,
} from "../../../ledger/src/ledger-kit.contract.ts"
import { confirmable, confirmationSignBytes, type Meeting, type MeetingParty, type MeetingTools } from "./meeting.ts"
import { MEETING_SECRET_BYTES, type MeetingCode } from "./meeting-code.ts"
import { stepMeeting } from "./step-meeting.ts"

/** A node that meets others: in epoch 1, with the entries of its cluster. */
export interface KitParty extends MeetingParty {
  readonly node: KitNode
}

/** The cluster of a name with one node, which is to meet somebody. */
export function kitParty(name: string, more: readonly Uint8Array[] = []): KitParty {
  const root = kitRoot(name)
  const node = kitChild(root, `/${name}`)
  const entries = [clusterEntry(root), nodeEntry(root, node), rekeyEntry(node, 1), ...more]
  return partyOf(root, node, entries)
}

/** A node as it shows the entries of its cluster, closed by itself. */
export function partyOf(root: KitNode, node: KitNode, entries: readonly Uint8Array[]): KitParty {
  const signingKey = kitKey(signingName(node, 1))
  const head = {
    ...entries.reduce((each, entry) => nextHead(kitPrimitives, each, entry), emptyHead()),
    author: { cluster: node.cluster, path: node.path, key: signingKey },
  }
  const identity = {
    cluster: node.cluster,
    anchorKey: kitKey(anchorName(root)),
    path: node.path,
    generation: unwrap(decodeGeneration(node.generation)),
    signingKey,
    addresses: [`/ip4/192.0.2.7/tcp/7410`],
    head: encodeKeyChainHead({ ...head, signature: kitSign(node, keyChainHeadSignBytes(head)) }),
  }
  return { node, entries, identity, nonce: kitBytes(`nonce ${node.cluster} ${node.path}`) }
}

/** The signature of a node in epoch 1. */
export function kitSign(node: KitNode, message: Uint8Array): Uint8Array {
  using seed = kitSeed(signingName(node, 1))
  return kitPrimitives.ed25519.sign(seed, message)
}

/** The code that a party shows; another for each name. */
export function kitCode({ identity }: MeetingParty, name: string): MeetingCode {
  const { addresses, cluster, signingKey } = identity
  return { cluster, signingKey, addresses, secret: kitBytes(`secret ${name}`).subarray(0, MEETING_SECRET_BYTES) }
}

/** A meeting's end, five minutes after its beginning. */
export const kitExpiry: Timestamp = unwrap(decodeTimestamp(1_767_225_900_000))

/** What judges where nothing was seen before, or what `known` says. */
export function kitTools(known: MeetingTools["known"] = () => undefined): MeetingTools {
  return { primitives: kitPrimitives, known }
}

/** The person of a side says that the words are the same. */
export function kitConfirm(tools: MeetingTools, meeting: Meeting, { node }: KitParty): Meeting {
  const transcript = unwrap(confirmable(meeting))
  return stepMeeting(tools, meeting, { kind: "confirmed", signature: kitSign(node, confirmationSignBytes(meeting.role, transcript)) })
    .meeting
}
