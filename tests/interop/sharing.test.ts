import { randomBytes } from "node:crypto"
import { Secret, toHex, unwrap } from "@keygrove/base"
import type { Point } from "@keygrove/crypto"
import { nativeCurve } from "@keygrove/curves-native"
import {
  combinePieces,
  decodeCommitments,
  decodePieceIndex,
  encodeCommitments,
  piecePoint,
  splitSecret,
  verifyPiece,
  type Commitments,
  type Piece,
  type PieceIndex,
} from "@keygrove/pieces"
import { secp256k1_FROST as frost } from "@noble/curves/secp256k1.js"
import { describe, expect, test } from "vitest"

/** The trusted dealer of FROST (RFC 9591, appendix C) is Feldman's sharing over the same field, by people who know nothing of this project. */
describe.each([
  [2, 3],
  [3, 5],
  [8, 15],
])("%i of %i", (threshold, count) => {
  const curve = nativeCurve
  const tools = { curve, random: (length: number) => new Uint8Array(randomBytes(length)) }
  const signers = { min: threshold, max: count }
  const indices = Array.from({ length: count }, (_each, place): PieceIndex => unwrap(decodePieceIndex(place + 1)))

  test("noble's FROST verifies our pieces and combines them", () => {
    using secret = Secret.take(tools.random(32))
    const { commitments, pieces } = unwrap(splitSecret(tools, { secret, threshold, indices }))
    const shares = pieces.map(({ index, value }) => ({
      identifier: frost.Identifier.fromNumber(index),
      signingShare: value.expose((bytes) => Uint8Array.from(bytes)),
    }))
    const verifyingShares = Object.fromEntries(
      shares.map(({ identifier }, place) => [identifier, curve.encodePoint(pointOf(commitments, indices[place]))]),
    )
    const group = { signers, commitments: [...encodeCommitments(curve, commitments)], verifyingShares }
    for (const share of shares) frost.validateSecret(share, group)
    const foreign = { identifier: frost.Identifier.fromNumber(2), signingShare: shares[0]?.signingShare ?? new Uint8Array(32) }
    expect(() => frost.validateSecret(foreign, group)).toThrow("invalid secret share")
    expect(toHex(frost.combineSecret(shares.slice(count - threshold), signers))).toBe(secret.expose(toHex))
  })

  test("we verify the shares of noble's dealer and combine them", () => {
    const secret = frost.utils.randomScalar()
    const dealt = frost.trustedDealer(signers, undefined, secret)
    const commitments = unwrap(decodeCommitments(curve, dealt.public.commitments))
    const pieces = indices.map((index): Piece => {
      const share = dealt.secretShares[frost.Identifier.fromNumber(index)]
      if (share === undefined) throw new TypeError("a share of each")
      return { index, value: Secret.take(Uint8Array.from(share.signingShare)) }
    })
    for (const { index, value } of pieces) {
      expect(verifyPiece(curve, commitments, index, value)).toBe(true)
      expect(curve.encodePoint(pointOf(commitments, index))).toEqual(
        Uint8Array.from(dealt.public.verifyingShares[frost.Identifier.fromNumber(index)] ?? []),
      )
    }
    const combined = unwrap(combinePieces(tools, commitments, pieces.slice(count - threshold)))
    expect(combined.secret.expose(toHex)).toBe(toHex(secret))
  })

  function pointOf(commitments: Commitments, index: PieceIndex | undefined): Point {
    const point = index === undefined ? undefined : piecePoint(curve, commitments, index)
    if (point === undefined) throw new TypeError("a piece at infinity")
    return point
  }
})
