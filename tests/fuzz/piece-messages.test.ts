import { encodeCanonical, type CborValue, type Result } from "@keygrove/base"
import { decodePieceAnswer, decodePieceRequest, encodePieceAnswer, encodePieceRequest } from "@keygrove/peering"
import { encode } from "cborg"
import { expect, test } from "vitest"
import { pick, type Dice } from "./dice.ts"
import { fuzz, FUZZ_TIMEOUT_MS } from "./fuzz.ts"
import { mutateBytes, randomBytesOf } from "./mutate-bytes.ts"
import { mutateTree } from "./mutate-tree.ts"

const bytes = (length: number, value = 7): Uint8Array => new Uint8Array(length).fill(value)
const point = Uint8Array.of(2, ...bytes(32))
const commitments = [point, Uint8Array.of(3, ...bytes(32, 9))]
const sealed = bytes(300)
const owner = "/laptop/phone"
const contribution = { index: 2, sender: bytes(32), commitments, sealed }
const approvals = [{ approver: "/desk", signature: bytes(64) }]
const evidence = { sealingKey: bytes(32), nonces: [bytes(32), bytes(32, 9)], attest: bytes(129), signature: bytes(72) }

const requests: readonly CborValue[] = [
  { v: 1, op: "offer", generation: 3, commitments, index: 2, sender: bytes(32), sealed },
  { v: 1, op: "return", owner, generation: 3, sharing: bytes(32), request: bytes(32, 8), approvals },
  { v: 1, op: "return", owner, generation: 3, sharing: bytes(32), request: bytes(32, 8), approvals, evidence },
  { v: 1, op: "challenge", owner, request: bytes(32, 8) },
  { v: 1, op: "subshare", owner, from: 3, generation: 4, attempt: 1 },
  { v: 1, op: "redistribute", owner, from: 3, generation: 4, attempt: 1, contributions: [contribution, { ...contribution, index: 3 }] },
  { v: 1, op: "prove", owner, generation: 3, sharing: bytes(32), challenge: bytes(32, 8) },
  { v: 1, op: "approvals", owner, request: bytes(32, 8) },
]
const answers: readonly CborValue[] = [
  { v: 1, kind: "receipt", signature: bytes(64) },
  { v: 1, kind: "piece", sealed },
  { v: 1, kind: "waiting" },
  {
    v: 1,
    kind: "subshares",
    sender: bytes(32),
    commitments,
    subpieces: [
      { index: 1, sealed },
      { index: 3, sealed },
    ],
  },
  { v: 1, kind: "complaint", index: 2 },
  { v: 1, kind: "proof", proof: bytes(65) },
  { v: 1, kind: "approvals", approvals },
  { v: 1, kind: "challenge", nonce: bytes(32) },
  { v: 1, kind: "refused", code: "PIECE_CONFLICT", message: "another piece is kept" },
]

/** A message that is nearly right, or nothing of the kind. */
function messageOf(samples: readonly CborValue[], roll: Dice): Uint8Array {
  if (roll(16) === 0) return randomBytesOf(roll)
  const sample = pick(roll, samples)
  const encoded = encode(roll(3) === 0 ? sample : mutateTree(sample, roll), { float64: false })
  return roll(2) === 0 ? encoded : mutateBytes(encoded, roll)
}

interface Side<T> {
  readonly name: string
  readonly samples: readonly CborValue[]
  decode(input: Uint8Array): Result<T>
  encode(value: T): Uint8Array
}

function check<T>({ decode, encode: again, samples }: Side<T>, roll: Dice): void {
  const input = messageOf(samples, roll)
  const decoded = decode(input)
  if (decoded.ok) expect(Buffer.from(again(decoded.value)).equals(input)).toBe(true)
}

const asked = { name: "requests about key pieces", samples: requests, decode: decodePieceRequest, encode: encodePieceRequest }
const said = { name: "answers about key pieces", samples: answers, decode: decodePieceAnswer, encode: encodePieceAnswer }

test("the samples are accepted, so that what is tried is nearly right", () => {
  for (const sample of requests) {
    const decoded = decodePieceRequest(encodeCanonical(sample))
    expect(decoded.ok && encodePieceRequest(decoded.value)).toEqual(encodeCanonical(sample))
  }
  for (const sample of answers) {
    const decoded = decodePieceAnswer(encodeCanonical(sample))
    expect(decoded.ok && encodePieceAnswer(decoded.value)).toEqual(encodeCanonical(sample))
  }
})

test(
  "what a node asks about key pieces is refused, or means what its bytes are",
  async () => await fuzz({ name: asked.name, share: 1, cost: 2, once: (roll) => check(asked, roll) }),
  FUZZ_TIMEOUT_MS,
)

test(
  "what a node answers about key pieces is refused, or means what its bytes are",
  async () => await fuzz({ name: said.name, share: 1, cost: 2, once: (roll) => check(said, roll) }),
  FUZZ_TIMEOUT_MS,
)
