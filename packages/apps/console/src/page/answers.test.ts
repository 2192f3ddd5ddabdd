import type { LockedNodeStatus, MeetView, NodeStatus, NodeTree, PiecesStatus, TrustedClusters } from "@keygrove/api"
import { describe, expect, test } from "vitest"
import { decodeMeeting, decodeTree, decodeTrust } from "./answers.ts"
import { decodePieces, decodeRequests, decodeVerification } from "./pieces-answers.ts"
import { decodeStatus } from "./status-answers.ts"

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
const etcdMember = {
  problem: null,
  isLeader: true,
  version: "3.5.16",
  raftTerm: 4,
  raftIndex: 7,
  databaseBytes: 1_024,
  alarms: ["NOSPACE"],
}
const closed: LockedNodeStatus = {
  version: "0.1.0",
  state: "unlocking",
  id: "kg1qqq",
  cluster: digits,
  path: "/server",
  epoch: 2,
  pid: 1,
  startedAt: 1_767_225_600_000,
  unlocks: { by: "pieces", keyFile: null, note: null },
  delegation: null,
  unlocking: {
    request: "3f9c0a1b",
    rounds: 2,
    given: 1,
    needed: 3,
    waiting: ["/desk"],
    refused: [{ path: "/attic", reason: "UNLOCK_TOO_OFTEN: it was asked" }],
    unreachable: [{ path: "/shed", reason: "PEER_UNREACHABLE: it is off" }],
    problem: { code: "TPM_ABSENT", message: "there is no TPM" },
    text: "1 of 3",
  },
  warnings: [],
}
const pieces: PiecesStatus = {
  cluster: digits,
  path: "/desk",
  isMember: true,
  members: 3,
  fewest: 3,
  generation: { generation: 4, members: 3, needed: 2, shared: 3 },
  starting: { generation: 5, members: 3, needed: 2, shared: 0 },
  nodes: [
    {
      path: "/desk",
      self: true,
      unlock: "approve",
      evidence: { family: "tpm2", key: digits, pcrs: [0, 7], digests: [digits] },
      isOn: null,
      sharings: [{ generation: 4, needed: 2, holders: [{ path: "/attic", isOn: false }], movedBy: "/attic" }],
      canUnlock: null,
      losses: [["/attic"], ["/shed", "/yard"]],
    },
  ],
  joining: null,
  sharing: { generation: 5, given: 0, needed: 2, missing: [{ path: "/attic", reason: "it is off" }] },
  kept: 2,
  moves: [{ owner: "/shed", generation: 5, attempts: 1, dueAt: 1_767_225_600_000 }],
  waits: { ownerSeconds: 600, attemptSeconds: 120, generationSeconds: 600, joinSeconds: 900 },
  troubles: [],
  liars: [],
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
    const snapshot = { length: 3, head: digits, by: "/attic" }
    const etcd = { at: 1_767_225_600_000, hasLeader: true, prunedTo: 0, members: [{ ...etcdMember, name: "10.0.0.1:2379" }] }
    for (const ledger of [status.ledger, { ...status.ledger, role: "etcd", snapshot, etcd }])
      expect(decodeStatus({ ...status, ledger })).toEqual({ ...shown, ledger })
    expect(decodeTree(tree)).toEqual({ nodes: tree.nodes, next: null })
    expect(decodeTrust(trust)).toEqual(trust.clusters.map(({ keyChain: _keyChain, ...cluster }) => cluster))
    expect(decodeMeeting(meeting)).toEqual(meeting)
    const failed = { ...meeting, phase: "failed", words: null, other: null, error: { code: "MEETING_EXPIRED", message: "too late" } }
    expect(decodeMeeting(failed)).toEqual(failed)
  })

  test("of a node that was not unlocked yet tells whom it waits for", () => {
    const { pid: _pid, unlocks: _unlocks, ...shown } = closed
    expect(decodeStatus(closed)).toEqual({ ...shown, ledger: null })
    const delegation = { text: "waits until /desk grants it" }
    const locked = { ...closed, state: "locked", unlocking: null, delegation }
    expect(decodeStatus(locked)).toMatchObject({ state: "locked", unlocking: null, delegation: delegation.text })
  })

  test("about key pieces is read as the contract has it", () => {
    const { cluster: _cluster, joining: _joining, kept: _kept, liars: _liars, troubles: _troubles, waits: _waits, ...shown } = pieces
    expect(decodePieces(pieces)).toEqual(shown)
    const proofs = [{ owner: "/a", holder: "/b", generation: 4, state: "lost", reason: "it says so" }]
    expect(decodeVerification({ pieces: proofs })).toEqual(proofs)
    const requests = [{ node: "/server", request: "3f9c0a1b", askedAt: 5, approved: false }]
    expect(decodeRequests({ requests })).toEqual(requests)
  })

  test.each([
    ["no object", () => decodeStatus([]), "node.status is no object"],
    ["another state", () => decodeStatus({ ...status, state: "asleep" }), 'node.status: "state" is not serving or locked or unlocking'],
    ["a count that is none", () => decodeStatus({ ...status, peers: 0.5 }), 'node.status: "peers" is not a whole number'],
    ["warnings of another kind", () => decodeStatus({ ...status, warnings: [1] }), 'node.status: "warnings" is not a list of texts'],
    ["half a node", () => decodeTree({ ...tree, nodes: [{ path: "/x" }] }), 'node.list.nodes[0]: "generation" is not a whole number'],
    ["no list", () => decodeTrust({}), 'trust.list: "clusters" is not a list'],
    ["another phase", () => decodeMeeting({ ...meeting, phase: "over" }), 'meeting: "phase" is not waiting or'],
    [
      "a loss that is none",
      () => decodePieces({ ...pieces, nodes: [{ ...pieces.nodes[0], losses: ["/a"] }] }),
      'losses: "list" is not a list',
    ],
    [
      "another proof",
      () => decodeVerification({ pieces: [{ owner: "/a", holder: "/b", generation: 1, state: "good" }] }),
      '"state" is not',
    ],
    ["half a node met", () => decodeMeeting({ ...meeting, other: {} }), 'meeting.other: "cluster" is not a text'],
  ])("with %s is an error that names the field", (_name, decode, message) => {
    expect(decode).toThrow(message)
  })
})
