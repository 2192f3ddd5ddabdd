import { decodeCanonical, encodeCanonical, unwrap, type CborValue } from "@keygrove/base"
import { decodeNodePath, type NodePath } from "@keygrove/hierarchy"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decodeKeyGeneration, decodePieceIndex, piecesNeeded, MAX_CUSTODY_MEMBERS, MAX_KEY_GENERATION } from "../numbers.ts"
import { anyCustodyStatement } from "./any-statement.contract.ts"
import { MAX_ACCEPTED_DIGESTS, MAX_ATTESTATION_KEY_BYTES, MAX_CUSTODY_STATEMENT_BYTES, MAX_HELD_PIECES, MAX_PCR } from "./limits.ts"
import { decodeCustodyStatement, encodeCustodyStatement, isCustodyKind, type CustodyKind, type CustodyStatement } from "./statement.ts"

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const point = (fill: number): Uint8Array => Uint8Array.of(3, ...key(fill))
const last = unwrap(decodeKeyGeneration(MAX_KEY_GENERATION))
const before = unwrap(decodeKeyGeneration(MAX_KEY_GENERATION - 1))
/** As long as a path can be. */
const longest = (number: number): NodePath => {
  const name = String(number).padStart(32, "a")
  return unwrap(decodeNodePath(`/${Array.from({ length: 8 }, () => name).join("/")}`))
}
const receipts = Array.from({ length: MAX_CUSTODY_MEMBERS - 1 }, (_, place) => ({
  index: unwrap(decodePieceIndex(place + 1)),
  signature: new Uint8Array(64).fill(place),
}))
const commitments = Array.from({ length: piecesNeeded(MAX_CUSTODY_MEMBERS) }, (_, place) => point(place))

const largest: readonly CustodyStatement[] = [
  {
    kind: "custody-joined",
    body: {
      revision: 0xffff_ffff,
      bootSigningKey: key(1),
      bootSealingKey: key(2),
      unlock: "approve",
      evidence: {
        family: "tpm2",
        attestationKey: new Uint8Array(MAX_ATTESTATION_KEY_BYTES),
        pcrs: Array.from({ length: MAX_PCR + 1 }, (_, pcr) => pcr),
        digests: Array.from({ length: MAX_ACCEPTED_DIGESTS }, (_, place) => key(place)),
      },
      addresses: Array.from({ length: 8 }, () => `/${"x".repeat(255)}`),
    },
  },
  { kind: "pieces-shared", body: { generation: last, commitments, receipts } },
  { kind: "redistribution-started", body: { owner: longest(1), generation: last, from: before, attempt: 0xffff_ffff } },
  { kind: "pieces-redistributed", body: { owner: longest(1), generation: last, from: before, commitments, receipts } },
  {
    kind: "pieces-held",
    body: {
      held: Array.from({ length: MAX_HELD_PIECES }, (_, place) => ({ owner: longest(place), generation: last, sharing: key(place) })),
    },
  },
]

/** The encoded body with some fields changed, as a hostile author would write it. */
function forged(statement: CustodyStatement, changes: Readonly<Record<string, CborValue>>): Uint8Array {
  const value = unwrap(decodeCanonical(encodeCustodyStatement(statement), MAX_CUSTODY_STATEMENT_BYTES))
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) throw new TypeError("not a map")
  return encodeCanonical({ ...value, ...changes })
}

describe("statements about custody", () => {
  test("are what they were after they were encoded", () => {
    fc.assert(
      fc.property(anyCustodyStatement, (statement) => {
        expect(decodeCustodyStatement(statement.kind, encodeCustodyStatement(statement))).toEqual({ ok: true, value: statement })
      }),
      { numRuns: 500 },
    )
  })

  test("have one encoding: another length of a number, order of fields or bytes behind them is refused, and each changed bit says something else or nothing", () => {
    fc.assert(
      fc.property(anyCustodyStatement, fc.nat(), fc.nat(7), (statement, place, bit) => {
        const bytes = encodeCustodyStatement(statement)
        expect(decodeCustodyStatement(statement.kind, Uint8Array.of(...bytes, 0)).ok).toBe(false)
        expect(decodeCustodyStatement(statement.kind, bytes.subarray(0, -1)).ok).toBe(false)
        const changed = bytes.slice()
        changed[place % bytes.length] = (bytes[place % bytes.length] ?? 0) ^ (1 << bit)
        const decoded = decodeCustodyStatement(statement.kind, changed)
        if (decoded.ok) expect(encodeCustodyStatement(decoded.value)).toEqual(changed)
      }),
      { numRuns: 500 },
    )
    // {"generation": 1}, the number in two bytes.
    const long = Uint8Array.of(0xa1, 0x6a, ...new TextEncoder().encode("generation"), 0x18, 0x01)
    expect(decodeCustodyStatement("generation-started", long).ok).toBe(false)
  })

  test.each(largest)("$kind: the largest one fits in an entry", (statement) => {
    const bytes = encodeCustodyStatement(statement)
    expect(bytes.length).toBeLessThanOrEqual(MAX_CUSTODY_STATEMENT_BYTES)
    expect(decodeCustodyStatement(statement.kind, bytes)).toEqual({ ok: true, value: statement })
  })

  test("of another kind are no custody", () => {
    expect(["policy-granted", "constructor", "custody"].some(isCustodyKind)).toBe(false)
  })

  const [joined, shared, started, moved, held] = largest
  const piece = { owner: "/a", generation: 1, sharing: key(1) }
  const evidence = { family: "tpm2", attestationKey: key(1), pcrs: [0, 7], digests: [key(1)] }
  const receipt = { index: 1, signature: new Uint8Array(64) }
  const wrong: readonly (readonly [CustodyStatement | undefined, Readonly<Record<string, CborValue>>])[] = [
    [joined, { revision: 0 }],
    [joined, { revision: 2 ** 32 }],
    [joined, { bootSigningKey: new Uint8Array(33) }],
    [joined, { bootSealingKey: new Uint8Array(31) }],
    [joined, { unlock: "never" }],
    [joined, { addresses: Array.from({ length: 9 }, () => "/x") }],
    [joined, { addresses: [`/${"x".repeat(256)}`] }],
    [joined, { addresses: ["x"] }],
    [joined, { addresses: ["/\u001B[2J"] }],
    [joined, { secret: key(1) }],
    [joined, { evidence: null }],
    [joined, { evidence: { ...evidence, family: "tpm1" } }],
    [joined, { evidence: { ...evidence, attestationKey: new Uint8Array(0) } }],
    [joined, { evidence: { ...evidence, attestationKey: new Uint8Array(MAX_ATTESTATION_KEY_BYTES + 1) } }],
    [joined, { evidence: { ...evidence, pcrs: [] } }],
    [joined, { evidence: { ...evidence, pcrs: [7, 0] } }],
    [joined, { evidence: { ...evidence, pcrs: [0, 0] } }],
    [joined, { evidence: { ...evidence, pcrs: [24] } }],
    [joined, { evidence: { ...evidence, pcrs: [-1] } }],
    [joined, { evidence: { ...evidence, digests: [] } }],
    [joined, { evidence: { ...evidence, digests: [key(1), key(1)] } }],
    [joined, { evidence: { ...evidence, digests: [key(1), key(2), key(3), key(4), key(5)] } }],
    [joined, { evidence: { ...evidence, digests: [new Uint8Array(20)] } }],
    [joined, { evidence: { ...evidence, nonce: key(1) } }],
    [shared, { generation: 0 }],
    [shared, { generation: 2 ** 32 }],
    [shared, { commitments: [point(1)] }],
    [shared, { commitments: [...commitments, point(1)] }],
    [shared, { commitments: [point(1), Uint8Array.of(4, ...key(1))] }],
    [shared, { commitments: [point(1), key(1)] }],
    [shared, { receipts: [receipt] }],
    [shared, { receipts: [receipt, receipt] }],
    [shared, { receipts: [{ ...receipt, index: 2 }, receipt] }],
    [shared, { receipts: [receipt, { ...receipt, index: 256 }] }],
    [shared, { receipts: [{ ...receipt, index: 0 }, receipt] }],
    [shared, { receipts: [receipt, { index: 2, signature: key(1) }] }],
    [shared, { receipts: [receipt, { ...receipt, index: 2, more: 1 }] }],
    [shared, { owner: "/a" }],
    [started, { attempt: 0 }],
    [started, { from: MAX_KEY_GENERATION }],
    [started, { owner: "a" }],
    [moved, { from: MAX_KEY_GENERATION }],
    [moved, { owner: 7 }],
    [held, { held: [] }],
    [held, { held: [piece, piece] }],
    [held, { held: Array.from({ length: MAX_HELD_PIECES + 1 }, (_, generation) => ({ ...piece, generation: generation + 1 })) }],
    [held, { held: [{ ...piece, sharing: new Uint8Array(31) }] }],
  ]
  test.each(wrong)("number %# is refused", (statement, changes) => {
    if (statement === undefined) throw new TypeError("there is such a statement")
    expect(decodeCustodyStatement(statement.kind, forged(statement, changes))).toMatchObject({ ok: false, code: "STATEMENT_INVALID" })
  })

  test.each<CustodyKind>(["custody-left", "generation-started", "generation-aborted", "pieces-wiped"])(
    "%s has one number, from 1",
    (kind) => {
      const name = { "custody-left": "revision", "pieces-wiped": "upTo" }[kind.replace("aborted", "started")] ?? "generation"
      expect(decodeCustodyStatement(kind, encodeCanonical({ [name]: 1 })).ok).toBe(true)
      for (const value of [0, -1, 2 ** 32, "1", null, key(1)])
        expect(decodeCustodyStatement(kind, encodeCanonical({ [name]: value })).ok).toBe(false)
      expect(decodeCustodyStatement(kind, encodeCanonical({ [name]: 1, more: 1 })).ok).toBe(false)
      expect(decodeCustodyStatement(kind, encodeCanonical({})).ok).toBe(false)
    },
  )
})
