import { randomFillSync } from "node:crypto"
import { createInterface } from "node:readline"
import { installSecretMemory, Secret, toHex, unwrap } from "@keygrove/base"
import { lockedSecretMemory, nativePrimitives } from "@keygrove/curves-native"
import {
  beginSharing,
  combinePieces,
  combineSubpieces,
  decodePieceIndex,
  provePossession,
  splitSecret,
  verifyPiece,
  verifySubsharing,
  type Commitments,
  type Piece,
} from "@keygrove/pieces"

// Shares a key, does everything that there is to do with it and its pieces many times, so that every function is compiled, and wipes all.
installSecretMemory(lockedSecretMemory())
const { curve } = nativePrimitives
const indices = [1, 2, 3, 4, 5].map((index) => unwrap(decodePieceIndex(index)))
const threshold = 3
const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length))
const tools = { ...nativePrimitives, random }
/** Told to the scanning process under a mask, so that this one holds each value once only. */
const masked = (bytes: Uint8Array): string => toHex(bytes.map((byte) => byte ^ 0x5a))

function wipe(pieces: readonly Piece[]): void {
  for (const { value } of pieces) value[Symbol.dispose]()
}

function useAll(secret: Secret, commitments: Commitments, pieces: readonly Piece[]): void {
  wipe(unwrap(splitSecret(tools, { secret, threshold, indices })).pieces)
  for (const { index, value } of pieces) if (!verifyPiece(curve, commitments, index, value)) throw new TypeError("a piece is wrong")
  for (const some of [pieces, pieces.slice(2)]) {
    const { secret: combined } = unwrap(combinePieces(tools, commitments, some))
    combined[Symbol.dispose]()
  }
  const [own] = pieces
  if (own === undefined) throw new TypeError("no pieces")
  provePossession(tools, { sharing: new Uint8Array(32), commitments, index: own.index, challenge: random(32) }, own.value)
  const given = pieces.slice(0, threshold).map(({ index, value }) => {
    const made = unwrap(splitSecret(tools, { secret: value, threshold, indices }))
    if (!verifySubsharing(curve, commitments, { index, commitments: made.commitments })) throw new TypeError("another piece was shared")
    return { index, ...made }
  })
  const contributions = given.flatMap((each) => each.pieces.slice(0, 1).map(({ value }) => ({ ...each, subpiece: value })))
  unwrap(combineSubpieces(curve, { from: commitments, threshold, index: own.index, contributions })).piece[Symbol.dispose]()
  for (const each of given) wipe(each.pieces)
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const secret = Secret.fill(32, (bytes) => void randomFillSync(bytes))
const coefficients: string[] = []
const recording = (length: number): Uint8Array => {
  const bytes = random(length)
  coefficients.push(masked(bytes))
  return bytes
}
const series = unwrap(beginSharing({ curve, random: recording }, { secret, threshold, indices }))
const pieces = indices.flatMap(() => series.next() ?? [])
const values = { secret: secret.expose(masked), pieces: pieces.map(({ value }) => value.expose(masked)), coefficients }
process.stdout.write(`${JSON.stringify(values)}\n`)
await lines.next()
for (let round = 0; round < 200; round++) useAll(secret, series.commitments, pieces)
series[Symbol.dispose]()
secret[Symbol.dispose]()
wipe(pieces)
process.stdout.write("wiped\n")
await lines.next()
process.stdin.destroy()
