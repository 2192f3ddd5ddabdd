import { Secret, unwrap, type RandomBytes } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { portablePrimitives } from "@keygrove/curves-wasm"
import { secp256k1 } from "@noble/curves/secp256k1.js"
import { sha256 } from "@noble/hashes/sha2.js"
import fc from "fast-check"
import { decodePieceIndex, type PieceIndex } from "../numbers.ts"
import { splitSecret, type Piece, type SharingTools } from "./split-secret.ts"
import type { Commitments } from "./commitments.ts"

/** Arithmetic of the scalars by noble, which the code under test uses for nothing secret. */
export const Fn: typeof secp256k1.Point.Fn = secp256k1.Point.Fn
export const bothPlatforms: readonly Primitives[] = [nativePrimitives, portablePrimitives]

/** Bytes that a seed determines, so that a failure can be repeated. */
export function seededRandom(seed: number): RandomBytes {
  let drawn = 0
  return (length) => {
    const bytes = new Uint8Array(Math.ceil(length / 32) * 32)
    for (let at = 0; at < bytes.length; at += 32) bytes.set(sha256(new TextEncoder().encode(`${seed}/${drawn++}`)), at)
    return bytes.slice(0, length)
  }
}

export const indexOf = (value: number): PieceIndex => unwrap(decodePieceIndex(value))
export const indicesTo = (count: number): readonly PieceIndex[] => Array.from({ length: count }, (_each, place) => indexOf(place + 1))
export const secretOf = (value: bigint): Secret => Secret.take(Fn.toBytes(value))
export const numberOf = (secret: Secret): bigint => secret.expose((bytes) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`))

/** Any scalar, the ends and those with leading zero bytes more often. */
export const scalars: fc.Arbitrary<bigint> = fc.oneof(
  fc.constantFrom(1n, 2n, 255n, 256n, Fn.ORDER - 1n),
  fc.integer({ min: 8, max: 255 }).chain((bits) => fc.bigInt({ min: 1n, max: 2n ** BigInt(bits) - 1n })),
  fc.bigInt({ min: 1n, max: Fn.ORDER - 1n }),
)

export interface Shared {
  readonly commitments: Commitments
  readonly pieces: readonly Piece[]
}

/** A sharing among the indices from 1. */
export function shareAmong(tools: SharingTools, secret: bigint, threshold: number, count: number): Shared {
  using owned = secretOf(secret)
  return unwrap(splitSecret(tools, { secret: owned, threshold, indices: indicesTo(count) }))
}

/** The value at x of the polynomial of lowest degree through the points. */
export function interpolateAt(points: readonly (readonly [number, bigint])[], x: number): bigint {
  const terms = points.map(([own, value]) =>
    points.reduce(
      (term, [other]) => (other === own ? term : Fn.mul(term, Fn.div(Fn.create(BigInt(x - other)), Fn.create(BigInt(own - other))))),
      value,
    ),
  )
  return terms.reduce((sum, term) => Fn.add(sum, term), 0n)
}
