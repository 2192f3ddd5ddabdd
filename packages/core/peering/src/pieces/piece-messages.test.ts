import { MAX_TPM_ATTEST_BYTES, MAX_TPM_SIGNATURE_BYTES } from "@keygrove/attestation"
import { unwrap } from "@keygrove/base"
import { decodeNodePath } from "@keygrove/hierarchy"
import { decodeKeyGeneration, decodePieceIndex, piecesNeeded, MAX_CUSTODY_MEMBERS } from "@keygrove/pieces"
import { expect, test } from "vitest"
import { decodePieceAnswer, encodePieceAnswer, isAnswerTo, type PieceAnswer } from "./piece-answers.ts"
import {
  decodePieceRequest,
  encodePieceRequest,
  MAX_CARRIED_NONCES,
  MAX_COMMITMENTS,
  MAX_PIECE_MESSAGE_BYTES,
  MAX_SEALED_PIECE_BYTES,
  type CarriedEvidence,
  type PieceRequest,
} from "./piece-requests.ts"

const owner = unwrap(decodeNodePath(`/${Array.from({ length: 8 }, () => "x".repeat(32)).join("/")}`))
const generation = unwrap(decodeKeyGeneration(0xffff_ffff))
const index = unwrap(decodePieceIndex(255))
const point = Uint8Array.of(2, ...new Uint8Array(32).fill(255))
const [key, sealed] = [new Uint8Array(32), new Uint8Array(MAX_SEALED_PIECE_BYTES)]

/** A redistribution of the largest sharing to members that are as many. */
function redistribution(contributions: number, commitments: number): PieceRequest {
  const contribution = { index, sender: key, commitments: Array.from({ length: commitments }, () => point), sealed }
  const all = Array.from({ length: contributions }, () => contribution)
  return { op: "redistribute", owner, from: generation, generation, attempt: 0xffff_ffff, contributions: all }
}

test("the largest cluster's messages fit into one", () => {
  expect(piecesNeeded(MAX_CUSTODY_MEMBERS)).toBe(MAX_COMMITMENTS)
  const largest = encodePieceRequest(redistribution(MAX_COMMITMENTS, MAX_COMMITMENTS))
  expect(largest.length).toBeLessThan(720_000)
  expect(decodePieceRequest(largest).ok).toBe(true)
  const subpieces = Array.from({ length: MAX_CUSTODY_MEMBERS }, () => ({ index, sealed }))
  const commitments = Array.from({ length: MAX_COMMITMENTS }, () => point)
  const answer = encodePieceAnswer({ kind: "subshares", sender: key, commitments, subpieces })
  expect(answer.length).toBeLessThan(MAX_PIECE_MESSAGE_BYTES)
  expect(decodePieceAnswer(answer).ok).toBe(true)
})

test.each([
  [MAX_COMMITMENTS + 1, 2],
  [2, MAX_COMMITMENTS + 1],
  [1, 2],
  [2, 1],
])("%d contributions with %d commitments each are refused", (contributions, commitments) => {
  const bytes = encodePieceRequest(redistribution(contributions, commitments))
  expect(decodePieceRequest(bytes)).toMatchObject({ ok: false, code: "PIECES_MESSAGE_INVALID" })
})

/** As large as evidence can be. */
const evidence: CarriedEvidence = {
  sealingKey: key,
  nonces: Array.from({ length: MAX_CARRIED_NONCES }, () => key),
  attest: new Uint8Array(MAX_TPM_ATTEST_BYTES),
  signature: new Uint8Array(MAX_TPM_SIGNATURE_BYTES),
}

function evidenced(change: Partial<CarriedEvidence> = {}): PieceRequest {
  return { op: "return", owner, generation, sharing: key, request: key, approvals: [], evidence: { ...evidence, ...change } }
}

test("evidence is what it was after it was encoded, and fits", () => {
  const bytes = encodePieceRequest(evidenced())
  expect(bytes.length).toBeLessThan(12_000)
  expect(decodePieceRequest(bytes)).toEqual({ ok: true, value: evidenced() })
  const challenge: PieceRequest = { op: "challenge", owner, request: key }
  expect(decodePieceRequest(encodePieceRequest(challenge))).toEqual({ ok: true, value: challenge })
  const nonce: PieceAnswer = { kind: "challenge", nonce: key }
  expect(decodePieceAnswer(encodePieceAnswer(nonce))).toEqual({ ok: true, value: nonce })
})

const unfit: readonly Partial<CarriedEvidence>[] = [
  { sealingKey: new Uint8Array(31) },
  { nonces: [] },
  { nonces: [...evidence.nonces, key] },
  { nonces: [new Uint8Array(33)] },
  { attest: new Uint8Array(0) },
  { attest: new Uint8Array(MAX_TPM_ATTEST_BYTES + 1) },
  { signature: new Uint8Array(0) },
  { signature: new Uint8Array(MAX_TPM_SIGNATURE_BYTES + 1) },
]
test.each(unfit)("evidence of another form is refused, number %#", (change) => {
  expect(decodePieceRequest(encodePieceRequest(evidenced(change)))).toMatchObject({ ok: false, code: "PIECES_MESSAGE_INVALID" })
})

test("an answer counts as one only to the request that it answers", () => {
  const waiting: PieceAnswer = { kind: "waiting" }
  expect(isAnswerTo("return", waiting)).toBe(true)
  expect(isAnswerTo("offer", waiting)).toBe(false)
  expect(isAnswerTo("challenge", { kind: "challenge", nonce: key })).toBe(true)
  expect(isAnswerTo("return", { kind: "challenge", nonce: key })).toBe(false)
  expect(isAnswerTo("redistribute", { kind: "complaint", index })).toBe(true)
  expect(isAnswerTo("subshare", { kind: "complaint", index })).toBe(false)
})
