import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { fromHex, Secret, toHex, unwrap } from "@keygrove/base"
import { decodeClusterId, decodeNodePath } from "@keygrove/hierarchy"
import { describe, expect, test } from "vitest"
import { decodeKeyGeneration } from "../numbers.ts"
import { sharingIdOf } from "../sharing-id.ts"
import { combinePieces } from "./combine-pieces.ts"
import { decodeCommitments, encodeCommitments, piecePoint, type Commitments } from "./commitments.ts"
import { provePossession, verifyPossession } from "./possession.ts"
import { combineSubpieces, redistributedCommitments, verifySubsharing } from "./redistribution.ts"
import { bothPlatforms, indexOf, seededRandom } from "./sharing-kit.contract.ts"
import { splitSecret, type Piece } from "./split-secret.ts"
import { verifyPiece } from "./verify-piece.ts"

interface PieceVector {
  readonly index: number
  readonly value: string
}

interface SharingVector {
  readonly owner: string
  readonly generation: number
  readonly secret: string
  readonly coefficients: readonly string[]
  readonly commitments: readonly string[]
  readonly id: string
  readonly pieces: readonly (PieceVector & { readonly point: string })[]
}

interface Vectors {
  readonly cluster: string
  readonly sharings: readonly SharingVector[]
  readonly redistributions: readonly {
    readonly from: string
    readonly contributions: readonly {
      readonly index: number
      readonly commitments: readonly string[]
      readonly subpieces: readonly PieceVector[]
    }[]
    readonly to: SharingVector
  }[]
  readonly proofs: readonly {
    readonly sharing: string
    readonly index: number
    readonly challenge: string
    readonly entropy: string
    readonly proof: string
  }[]
}

interface DealerVector {
  readonly threshold: number
  readonly secret: string
  readonly publicKey: string
  readonly coefficients: readonly string[]
  readonly pieces: readonly PieceVector[]
}

const fileOf = (name: string): Buffer => readFileSync(new URL(`../../../../../vectors/pieces/${name}.json`, import.meta.url))
const vectors: Vectors = JSON.parse(fileOf("sharing").toString())
const dealer: DealerVector = JSON.parse(fileOf("rfc9591").toString())
const bytesOf = (hex: string): Uint8Array => unwrap(fromHex(hex)).slice()
const secretOf = (hex: string): Secret => Secret.take(bytesOf(hex))
const pieceOf = ({ index, value }: PieceVector): Piece => ({ index: indexOf(index), value: secretOf(value) })

/** A random source that says what a vector's polynomial was made of. */
const scripted = (coefficients: readonly string[]) => {
  const left = coefficients.values()
  return (): Uint8Array => bytesOf(left.next().value ?? "00")
}

test("the bytes of our own vectors are those that were frozen", () => {
  expect(createHash("sha256").update(fileOf("sharing")).digest("hex")).toBe(
    "b23cb9fd4308194aef233f2b1e688dae7d6d845aaf27f9332826267b4e966368",
  )
})

describe.each(bothPlatforms)("vectors, $implementation", (primitives) => {
  const { curve } = primitives
  const random = seededRandom(1)
  const commitmentsOf = (encoded: readonly string[]): Commitments => unwrap(decodeCommitments(curve, encoded.map(bytesOf)))
  const sharingOf = (id: string): SharingVector => {
    const found = vectors.sharings.find((sharing) => sharing.id === id)
    if (found === undefined) throw new TypeError("no such sharing")
    return found
  }

  test("the dealer of RFC 9591, appendix E.5, gives the same shares", () => {
    const { coefficients, pieces, publicKey, secret, threshold } = dealer
    const indices = pieces.map(({ index }) => indexOf(index))
    const made = unwrap(splitSecret({ curve, random: scripted(coefficients) }, { secret: secretOf(secret), threshold, indices }))
    expect(made.pieces.map(({ value }) => value.expose(toHex))).toEqual(pieces.map(({ value }) => value))
    expect(toHex(encodeCommitments(curve, made.commitments)[0] ?? new Uint8Array(0))).toBe(publicKey)
    const combined = unwrap(combinePieces({ curve, random }, made.commitments, pieces.slice(1).map(pieceOf)))
    expect(combined.secret.expose(toHex)).toBe(secret)
  })

  test.each(vectors.sharings)("the sharing of $owner in key generation $generation", (vector) => {
    const indices = vector.pieces.map(({ index }) => indexOf(index))
    const order = { secret: secretOf(vector.secret), threshold: vector.commitments.length, indices }
    const made = unwrap(splitSecret({ curve, random: scripted(vector.coefficients) }, order))
    expect(encodeCommitments(curve, made.commitments).map(toHex)).toEqual(vector.commitments)
    expect(made.pieces.map(({ index, value }) => ({ index, value: value.expose(toHex) }))).toEqual(
      vector.pieces.map(({ index, value }) => ({ index, value })),
    )
    for (const { index, point, value } of vector.pieces) {
      expect(
        toHex(curve.encodePoint(piecePoint(curve, made.commitments, indexOf(index)) ?? curve.basePointTimesSecret(order.secret))),
      ).toBe(point)
      expect(verifyPiece(curve, made.commitments, indexOf(index), secretOf(value))).toBe(true)
    }
    const owner = { cluster: unwrap(decodeClusterId(vectors.cluster)), path: unwrap(decodeNodePath(vector.owner)) }
    const generation = unwrap(decodeKeyGeneration(vector.generation))
    expect(toHex(sharingIdOf(primitives, { owner, generation, commitments: vector.commitments.map(bytesOf) }))).toBe(vector.id)
    const combined = unwrap(combinePieces({ curve, random }, made.commitments, vector.pieces.slice(1).map(pieceOf)))
    expect(combined.secret.expose(toHex)).toBe(vector.secret)
  })

  test.each(vectors.redistributions)("the redistribution to key generation $to.generation", ({ contributions, from, to }) => {
    const old = commitmentsOf(sharingOf(from).commitments)
    const threshold = to.commitments.length
    const given = contributions.map((each) => ({ ...each, index: indexOf(each.index), commitments: commitmentsOf(each.commitments) }))
    expect(given.every((each) => verifySubsharing(curve, old, each))).toBe(true)
    expect(encodeCommitments(curve, unwrap(redistributedCommitments(curve, old, threshold, given))).map(toHex)).toEqual(to.commitments)
    for (const { index, value } of to.pieces) {
      const parts = given.map((each) => ({
        index: each.index,
        commitments: each.commitments,
        subpiece: secretOf(each.subpieces.find((subpiece) => subpiece.index === index)?.value ?? ""),
      }))
      const made = unwrap(combineSubpieces(curve, { from: old, threshold, index: indexOf(index), contributions: parts }))
      expect(made.piece.expose(toHex)).toBe(value)
    }
    const combined = unwrap(combinePieces({ curve, random }, commitmentsOf(to.commitments), to.pieces.slice(-threshold).map(pieceOf)))
    expect(combined.secret.expose(toHex)).toBe(sharingOf(from).secret)
  })

  test.each(vectors.proofs)("the proof of the piece with index $index", ({ challenge, entropy, index, proof, sharing }) => {
    const { commitments, pieces } = sharingOf(sharing)
    const subject = {
      sharing: bytesOf(sharing),
      commitments: commitmentsOf(commitments),
      index: indexOf(index),
      challenge: bytesOf(challenge),
    }
    const value = pieces.find((piece) => piece.index === index)?.value ?? ""
    expect(toHex(provePossession({ ...primitives, random: () => bytesOf(entropy) }, subject, secretOf(value)))).toBe(proof)
    expect(verifyPossession(primitives, subject, bytesOf(proof))).toBe(true)
  })
})
