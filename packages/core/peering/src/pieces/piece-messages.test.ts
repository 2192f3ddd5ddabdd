import { unwrap } from "@keygrove/base"
import { decodeNodePath } from "@keygrove/hierarchy"
import { decodeKeyGeneration, decodePieceIndex, piecesNeeded, MAX_CUSTODY_MEMBERS } from "@keygrove/pieces"
import { expect, test } from "vitest"
import { decodePieceAnswer, encodePieceAnswer, isAnswerTo, type PieceAnswer } from "./piece-answers.ts"
import {
  decodePieceRequest,
  encodePieceRequest,
  MAX_COMMITMENTS,
  MAX_PIECE_MESSAGE_BYTES,
  MAX_SEALED_PIECE_BYTES,
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

test("an answer counts as one only to the request that it answers", () => {
  const waiting: PieceAnswer = { kind: "waiting" }
  expect(isAnswerTo("return", waiting)).toBe(true)
  expect(isAnswerTo("offer", waiting)).toBe(false)
  expect(isAnswerTo("redistribute", { kind: "complaint", index })).toBe(true)
  expect(isAnswerTo("subshare", { kind: "complaint", index })).toBe(false)
})
