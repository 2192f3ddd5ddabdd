import { readFileSync } from "node:fs"
import { createHash } from "node:crypto"
import { fromHex, unwrap } from "@keygrove/base"
import { verifyDeviceSignature } from "@keygrove/curves-native"
import { describe, expect, test } from "vitest"
import { decodeTpmAttestationKey } from "./attestation-key.ts"
import type { TpmMeasurement, TpmQuote } from "./quote.ts"
import { verifyTpmQuote } from "./verify-quote.ts"

interface Vector {
  readonly id: string
  readonly publicArea: string
  readonly qualifyingData: string
  readonly attest: string
  readonly signature: string
  readonly expect: string
  readonly pcrs?: readonly number[]
  readonly pcrValues?: string
}

const url = new URL("../../../../../vectors/attestation/tpm-quotes.json", import.meta.url)
const vectors: readonly Vector[] = JSON.parse(readFileSync(url, "utf8"))
const bytes = (hex: string): Uint8Array => unwrap(fromHex(hex))

function judge(vector: Vector, quote: Partial<TpmQuote> = {}): string | TpmMeasurement {
  const attestationKey = decodeTpmAttestationKey(bytes(vector.publicArea))
  if (!attestationKey.ok) return attestationKey.code
  const given = { attest: bytes(vector.attest), signature: bytes(vector.signature), ...quote }
  const expected = { attestationKey: attestationKey.value, qualifyingData: bytes(vector.qualifyingData) }
  const verified = verifyTpmQuote(verifyDeviceSignature, given, expected)
  return verified.ok ? verified.value : verified.code
}

describe.each(vectors)("the quote $id", (vector) => {
  test(`is judged: ${vector.expect}`, () => {
    const judged = judge(vector)
    if (vector.expect !== "accept") return expect(judged).toBe(vector.expect)
    expect(judged).toMatchObject({ pcrs: vector.pcrs })
    if (vector.pcrValues === undefined || typeof judged === "string") return
    expect(Buffer.from(judged.pcrDigest)).toEqual(createHash("sha256").update(bytes(vector.pcrValues)).digest())
  })
})

/** One of RSA and one of P-256: each bit takes a verification. */
const each = vectors.filter(({ id }) => id === "tpm-01" || id === "swtpm-01")

describe.each(each)("the good quote $id", (vector) => {
  test.each(["attest", "signature"] as const)("is refused with any bit of its %s flipped, with less and with more", (part) => {
    const good = bytes(vector[part])
    for (let bit = 0; bit < 8 * good.length; bit++) {
      const changed = Uint8Array.from(good)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(judge(vector, { [part]: changed }), `bit ${bit}`).toBeTypeOf("string")
    }
    for (let length = 0; length < good.length; length++) expect(judge(vector, { [part]: good.subarray(0, length) })).toBeTypeOf("string")
    expect(judge(vector, { [part]: Uint8Array.of(...good, 0) })).toBe(part === "attest" ? "TPM_QUOTE_INVALID" : "TPM_SIGNATURE_INVALID")
  })
})

test("the good quotes are of all the kinds that are accepted", () => {
  const good = vectors.filter((vector) => vector.expect === "accept")
  expect(new Set(good.map(({ publicArea }) => publicArea.slice(0, 4)))).toEqual(new Set(["0001", "0023"]))
  expect(good.length).toBeGreaterThanOrEqual(4)
})
