import { Secret, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { portablePrimitives } from "@keygrove/curves-wasm"
import { randomBytes } from "node:crypto"
import { describe, expect, test } from "vitest"
import { decodePieceIndex, type PieceIndex } from "../numbers.ts"
import { combinePieces } from "./combine-pieces.ts"
import { splitSecret } from "./split-secret.ts"
import { verifyPiece } from "./verify-piece.ts"

const indicesTo = (count: number): readonly PieceIndex[] =>
  Array.from({ length: count }, (_each, place) => unwrap(decodePieceIndex(place + 1)))
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))

describe.each([nativePrimitives, portablePrimitives])("$implementation", ({ curve }) => {
  test.each([
    [2, 2],
    [3, 5],
    [7, 12],
  ])("%i of %i", (threshold, count) => {
    using secret = Secret.take(random(32))
    const { commitments, pieces } = unwrap(splitSecret({ curve, random }, { secret, threshold, indices: indicesTo(count) }))
    for (const { index, value } of pieces) expect(verifyPiece(curve, commitments, index, value)).toBe(true)
    const combined = unwrap(combinePieces({ curve, random }, commitments, pieces.slice(count - threshold)))
    expect(combined.secret.expose(toHex)).toBe(secret.expose(toHex))
    expect(combinePieces({ curve, random }, commitments, pieces.slice(1, threshold))).toMatchObject({ code: "PIECES_INSUFFICIENT" })
  })
})
