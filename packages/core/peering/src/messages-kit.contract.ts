import { unwrap, type CborValue } from "@keygrove/base"
import { decodeClusterId, decodeGeneration, decodeNodePath, decodeTimestamp, type NodeReference, type Timestamp } from "@keygrove/hierarchy"
import { decodeLedgerIndex, type LedgerHead } from "@keygrove/ledger"
import * as fc from "fast-check"
import type { ChainAnswer, ChainRequest } from "./chain-messages.ts"
import type { JoinAnswer, JoinRequest } from "./join-messages.ts"
import type { LedgerAnswer, LedgerRequest } from "./ledger-messages.ts"
import type { MeetingAnswer, MeetingBody, MeetingIdentity, MeetingRequest } from "./meeting/meeting-messages.ts"
import type { MoveAnswer, MoveRequest } from "./move-messages.ts"
import { decodeKeyGeneration, decodePieceIndex } from "@keygrove/pieces"
import type { PieceAnswer } from "./pieces/piece-answers.ts"
import type { PieceRequest } from "./pieces/piece-requests.ts"
import type { PolicyDraft, ProxyAnswer, ProxyRequest } from "./proxy-messages.ts"

/** Any `length` bytes. */
export function anyBytes(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length })
}

const anyPoint = fc.tuple(fc.constantFrom(2, 3), anyBytes(32)).map(([prefix, x]) => Uint8Array.of(prefix, ...x))
const anyTime: fc.Arbitrary<Timestamp> = fc.maxSafeNat().map((value) => unwrap(decodeTimestamp(value)))
const anyNode: fc.Arbitrary<NodeReference> = fc.record({
  cluster: fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => unwrap(decodeClusterId(hex))),
  path: fc
    .array(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?$/), { minLength: 1, maxLength: 8 })
    .map((names) => unwrap(decodeNodePath(`/${names.join("/")}`))),
})
const anyText = fc.string({ unit: "grapheme", maxLength: 200 }).map((text) => text.replaceAll(/\p{Cc}/gu, " "))

/** Any policy an owner could tell a proxy. */
export const anyDraft: fc.Arbitrary<PolicyDraft> = fc.record({
  policyId: anyBytes(32),
  owner: anyNode,
  labelKey: anyPoint,
  delegationKey: anyPoint,
  reader: fc.record({ encryptionKey: anyPoint, signingKey: anyBytes(32) }),
  expiresAt: anyTime,
})

/** Any request of protocol `proxy`. */
export const anyProxyRequest: fc.Arbitrary<ProxyRequest> = fc.oneof(
  fc.record({ op: fc.constant("store_rekey" as const), draft: anyDraft, sealed: fc.uint8Array({ minLength: 1, maxLength: 900 }) }),
  fc.record({
    op: fc.constant("reencrypt" as const),
    policyId: anyBytes(32),
    capsules: fc.array(anyBytes(105), { minLength: 1, maxLength: 16 }),
    issuedAt: anyTime,
    nonce: anyBytes(16),
    signature: anyBytes(64),
  }),
  fc.record({ op: fc.constant("remove_rekey" as const), policyId: anyBytes(32) }),
)

/** Any answer of protocol `proxy`. */
export const anyProxyAnswer: fc.Arbitrary<ProxyAnswer> = fc.oneof(
  fc.record({
    kind: fc.constant("receipt" as const),
    action: fc.constantFrom("stored" as const, "removed" as const),
    policyId: anyBytes(32),
    fragmentDigest: anyBytes(32),
    issuedAt: anyTime,
    signature: anyBytes(64),
  }),
  fc.record({ kind: fc.constant("fragments" as const), fragments: fc.array(anyBytes(381), { maxLength: 16 }) }),
  fc.record({ kind: fc.constant("refused" as const), code: fc.stringMatching(/^[A-Z][A-Z0-9_]{0,63}$/), message: anyText }),
)

const anyIndex = fc.nat({ max: 1_000_000 }).map((index) => unwrap(decodeLedgerIndex(index)))
const anyHead: fc.Arbitrary<LedgerHead> = fc.record({ length: anyIndex, hash: anyBytes(32) })
const anyEntries = (min: number, max: number): fc.Arbitrary<Uint8Array[]> =>
  fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { minLength: min, maxLength: max })

/** Any request of protocol `ledger`. */
export const anyLedgerRequest: fc.Arbitrary<LedgerRequest> = fc.oneof(
  fc.constant({ op: "head" as const }),
  fc.record({ op: fc.constant("read" as const), from: anyIndex, limit: fc.integer({ min: 1, max: 256 }) }),
  fc.record({ op: fc.constant("append" as const), expected: anyHead, entries: anyEntries(1, 64) }),
  fc.record({ op: fc.constant("wait" as const), length: anyIndex, timeoutMs: fc.integer({ min: 0, max: 25_000 }) }),
  fc.record({ op: fc.constant("snapshot" as const), length: anyIndex }),
  fc.record({ op: fc.constant("part" as const), length: anyIndex, digest: anyBytes(32), place: fc.integer({ min: 0, max: 1023 }) }),
)

/** Any answer of protocol `ledger`. */
export const anyLedgerAnswer: fc.Arbitrary<LedgerAnswer> = fc.oneof(
  fc.record({ kind: fc.constant("head" as const), head: anyHead }),
  fc.record({ kind: fc.constant("slice" as const), from: anyIndex, before: anyBytes(32), entries: anyEntries(0, 40) }),
  fc.record({ kind: fc.constant("snapshot" as const), head: fc.uint8Array({ minLength: 1, maxLength: 640 }), before: anyBytes(32) }),
  fc.record({
    kind: fc.constant("part" as const),
    place: fc.integer({ min: 0, max: 1023 }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 4_096 }),
  }),
  fc.record({
    kind: fc.constant("refused" as const),
    code: fc.constantFrom("LEDGER_HEAD_MOVED" as const, "LEDGER_FULL" as const, "DISK_FULL" as const),
    message: anyText,
  }),
)

/** Any request of protocol `join`. */
export const anyJoinRequest: fc.Arbitrary<JoinRequest> = fc.record({ entries: anyEntries(1, 64) })

/** Any answer of protocol `join`. */
export const anyJoinAnswer: fc.Arbitrary<JoinAnswer> = fc.oneof(
  fc.record({ kind: fc.constant("joined" as const), head: anyHead }),
  fc.record({ kind: fc.constant("refused" as const), code: fc.stringMatching(/^[A-Z][A-Z0-9_]{0,63}$/), message: anyText }),
)

const anyIdentity = fc
  .record({
    node: anyNode,
    anchorKey: anyBytes(32),
    generation: fc.integer({ min: 1, max: 1_000 }).map((value) => unwrap(decodeGeneration(value))),
    signingKey: anyBytes(32),
    addresses: fc.array(fc.stringMatching(/^[!-~]{1,128}$/), { maxLength: 4 }),
    head: fc.uint8Array({ minLength: 1, maxLength: 640 }),
  })
  .map(({ node, ...rest }): MeetingIdentity => ({ ...rest, cluster: node.cluster, path: node.path }))
const anyStanding = fc.constantFrom("await" as const, "standing" as const)

/** Anything that two sides of a meeting say to each other. */
export const anyMeetingBody: fc.Arbitrary<MeetingBody> = fc.oneof(
  fc.record({ step: fc.constant("begin" as const), commitment: anyBytes(32) }),
  fc.record({ step: fc.constantFrom("opening" as const, "reveal" as const), nonce: anyBytes(32), identity: anyIdentity }),
  fc.record({ step: fc.constantFrom("accepted" as const, "cancel" as const) }),
  fc.record({ step: fc.constant("read" as const), from: anyIndex }),
  fc.record({ step: fc.constantFrom("slice" as const, "present" as const), from: anyIndex, entries: anyEntries(0, 40) }),
  fc.record({ step: fc.constant("taken" as const), length: anyIndex }),
  fc.record({ step: anyStanding }),
  fc.record({ step: anyStanding, confirmation: anyBytes(64) }),
)

const anyMessage = {
  meeting: anyBytes(16),
  body: fc.uint8Array({ minLength: 1, maxLength: 900 }),
  proof: anyBytes(32),
  signature: anyBytes(64),
}
const anyRefusal = fc.record({ kind: fc.constant("refused" as const), code: fc.stringMatching(/^[A-Z][A-Z0-9_]{0,63}$/), message: anyText })

/** Any request of protocol `meet`. */
export const anyMeetingRequest: fc.Arbitrary<MeetingRequest> = fc.oneof(
  fc.record({ op: fc.constant("say" as const), ...anyMessage }),
  fc.record({ op: fc.constant("introduce" as const), cluster: anyNode.map(({ cluster }) => cluster) }),
)

/** Any answer of protocol `meet`. */
export const anyMeetingAnswer: fc.Arbitrary<MeetingAnswer> = fc.oneof(
  fc.record({ kind: fc.constant("said" as const), ...anyMessage }),
  fc.record({ kind: fc.constant("introduced" as const), length: anyIndex }),
  anyRefusal,
)

/** Any request of protocol `chain`. */
export const anyChainRequest: fc.Arbitrary<ChainRequest> = fc.record({ cluster: anyNode.map(({ cluster }) => cluster), from: anyIndex })

/** Any answer of protocol `chain`. */
export const anyChainAnswer: fc.Arbitrary<ChainAnswer> = fc.oneof(
  fc.record({
    kind: fc.constant("slice" as const),
    from: anyIndex,
    entries: anyEntries(0, 40),
    head: fc.uint8Array({ minLength: 1, maxLength: 640 }),
  }),
  anyRefusal,
)

/** The request of protocol `move`. */
export const anyMoveRequest: fc.Arbitrary<MoveRequest> = fc.constant({ op: "invitation" })

/** Any answer of protocol `move`. */
export const anyMoveAnswer: fc.Arbitrary<MoveAnswer> = fc.oneof(
  fc.record({ kind: fc.constant("invitation" as const), invitation: fc.stringMatching(/^kginvite1[0-9a-z]{1,100}$/) }),
  anyRefusal,
)

const anyKeyGeneration = fc.integer({ min: 1, max: 1_000 }).map((value) => unwrap(decodeKeyGeneration(value)))
const anyPieceIndex = fc.integer({ min: 1, max: 255 }).map((value) => unwrap(decodePieceIndex(value)))
const anySealed = fc.uint8Array({ minLength: 1, maxLength: 300 })
const anyCommitments = fc.array(anyPoint, { minLength: 2, maxLength: 6 })
const anyOwner = anyNode.map(({ path }) => path)
const anyAttempt = fc.integer({ min: 1, max: 50 })
const anyApprovals = fc.array(fc.record({ approver: anyOwner, signature: anyBytes(64) }), { maxLength: 4 })

/** Any request of protocol `pieces`. */
export const anyPieceRequest: fc.Arbitrary<PieceRequest> = fc.oneof(
  fc.record({
    op: fc.constant("offer" as const),
    generation: anyKeyGeneration,
    commitments: anyCommitments,
    index: anyPieceIndex,
    sender: anyBytes(32),
    sealed: anySealed,
  }),
  fc.record({
    op: fc.constant("return" as const),
    owner: anyOwner,
    generation: anyKeyGeneration,
    sharing: anyBytes(32),
    request: anyBytes(32),
    approvals: anyApprovals,
  }),
  fc.record({
    op: fc.constant("subshare" as const),
    owner: anyOwner,
    from: anyKeyGeneration,
    generation: anyKeyGeneration,
    attempt: anyAttempt,
  }),
  fc.record({
    op: fc.constant("redistribute" as const),
    owner: anyOwner,
    from: anyKeyGeneration,
    generation: anyKeyGeneration,
    attempt: anyAttempt,
    contributions: fc.array(fc.record({ index: anyPieceIndex, sender: anyBytes(32), commitments: anyCommitments, sealed: anySealed }), {
      minLength: 2,
      maxLength: 5,
    }),
  }),
  fc.record({
    op: fc.constant("prove" as const),
    owner: anyOwner,
    generation: anyKeyGeneration,
    sharing: anyBytes(32),
    challenge: anyBytes(32),
  }),
  fc.record({ op: fc.constant("approvals" as const), owner: anyOwner, request: anyBytes(32) }),
)

/** Any answer of protocol `pieces`. */
export const anyPieceAnswer: fc.Arbitrary<PieceAnswer> = fc.oneof(
  fc.record({ kind: fc.constant("receipt" as const), signature: anyBytes(64) }),
  fc.record({ kind: fc.constant("piece" as const), sealed: anySealed }),
  fc.record({ kind: fc.constant("waiting" as const) }),
  fc.record({
    kind: fc.constant("subshares" as const),
    sender: anyBytes(32),
    commitments: anyCommitments,
    subpieces: fc.array(fc.record({ index: anyPieceIndex, sealed: anySealed }), { minLength: 2, maxLength: 6 }),
  }),
  fc.record({ kind: fc.constant("complaint" as const), index: anyPieceIndex }),
  fc.record({ kind: fc.constant("proof" as const), proof: fc.uint8Array({ minLength: 1, maxLength: 128 }) }),
  fc.record({ kind: fc.constant("approvals" as const), approvals: anyApprovals }),
  anyRefusal,
)

/** Values of every kind that CBOR carries; none of them is a valid field of every message. */
export const strangeValues: readonly CborValue[] = [
  null,
  true,
  -1,
  Number.MAX_SAFE_INTEGER,
  "",
  "x".repeat(5_000),
  new Uint8Array(0),
  new Uint8Array(10_000),
  [],
  [1],
  {},
  { a: 1 },
]
