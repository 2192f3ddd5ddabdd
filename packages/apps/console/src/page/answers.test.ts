import type { MeetView, NodeStatus, NodeTree, TrustedClusters } from "@keygrove/api"
import { describe, expect, test } from "vitest"
import { decodeMeeting, decodeStatus, decodeTree, decodeTrust } from "./answers.ts"

// Typed as the contract has them, so that what it changes is noticed here.
const digits = "0f".repeat(32)
const status: NodeStatus = {
  version: "0.1.0",
  state: "serving",
  id: "kg1qqq",
  cluster: digits,
  path: "/laptop",
  generation: 1,
  epoch: 2,
  predecessors: [],
  pid: 1,
  startedAt: 1_767_225_600_000,
  peers: 3,
  addresses: ["/ip4/127.0.0.1/tcp/7410"],
  ledger: { role: "host", length: 4, head: digits, address: null, snapshot: null, prunedTo: 0, etcd: null },
  pieces: null,
  unlocks: { by: "passphrase", keyFile: null, note: null },
  policies: { granted: 0, readable: 1 },
  remaking: { labels: 1, policies: 2, problem: "it waits" },
  idleLock: null,
  warnings: ["one"],
}
const tree: NodeTree = {
  cluster: digits,
  origin: digits,
  nodes: [{ path: "/laptop", generation: 1, epoch: 2, state: "revoked", reason: "retired", at: 3, owesEpoch: null, self: true }],
  next: null,
}
const trust: TrustedClusters = {
  clusters: [{ cluster: digits, nickname: null, since: 3, lastSeen: 5, state: "stale", nodes: 2, keyChain: { length: 1, head: digits } }],
}
const meeting: MeetView = {
  meeting: "0f".repeat(16),
  revision: 3,
  role: "scans",
  phase: "compare",
  code: null,
  expiresAt: 1_767_225_600_000,
  words: ["a", "b", "c", "d"],
  other: { cluster: digits, path: "/desktop", nickname: null },
  error: null,
}

describe("an answer of the node", () => {
  test("is read as the contract has it, without what the page does not show", () => {
    const { addresses: _addresses, idleLock: _idleLock, pid: _pid, predecessors: _predecessors, ...more } = status
    const { pieces: _pieces, unlocks: _unlocks, ...shown } = more
    const { etcd: _etcd, prunedTo: _prunedTo, snapshot: _snapshot, ...ledger } = status.ledger
    expect(decodeStatus(status)).toEqual({ ...shown, ledger })
    expect(decodeTree(tree)).toEqual({ nodes: tree.nodes, next: null })
    expect(decodeTrust(trust)).toEqual(trust.clusters.map(({ keyChain: _keyChain, ...cluster }) => cluster))
    expect(decodeMeeting(meeting)).toEqual(meeting)
    const failed = { ...meeting, phase: "failed", words: null, other: null, error: { code: "MEETING_EXPIRED", message: "too late" } }
    expect(decodeMeeting(failed)).toEqual(failed)
  })

  test.each([
    ["no object", () => decodeStatus([]), "node.status is no object"],
    ["another state", () => decodeStatus({ ...status, state: "asleep" }), 'node.status: "state" is not serving or locked or unlocking'],
    ["a count that is none", () => decodeStatus({ ...status, peers: 0.5 }), 'node.status: "peers" is not a whole number'],
    ["warnings of another kind", () => decodeStatus({ ...status, warnings: [1] }), 'node.status: "warnings" is not a list of texts'],
    ["half a node", () => decodeTree({ ...tree, nodes: [{ path: "/x" }] }), 'node.list.nodes[0]: "generation" is not a whole number'],
    ["no list", () => decodeTrust({}), 'trust.list: "clusters" is not a list'],
    ["another phase", () => decodeMeeting({ ...meeting, phase: "over" }), 'meeting: "phase" is not waiting or'],
    ["half a node met", () => decodeMeeting({ ...meeting, other: {} }), 'meeting.other: "cluster" is not a text'],
  ])("with %s is an error that names the field", (_name, decode, message) => {
    expect(decode).toThrow(message)
  })
})
