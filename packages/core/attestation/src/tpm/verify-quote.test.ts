import { concatBytes, unwrap } from "@keygrove/base"
import { verifyDeviceSignature } from "@keygrove/curves-native"
import { encodeTpmAttest, encodeTpmEccKey, encodeTpmEccSignature, MemoryTpm, seededRandom, type AttestFields } from "@keygrove/memory"
import { p256 } from "@noble/curves/nist.js"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decodeTpmAttestationKey } from "./attestation-key.ts"
import { verifyTpmQuote } from "./verify-quote.ts"

const tpm = new MemoryTpm(seededRandom("quotes"))
const handle = tpm.makeKey()
const point = p256.Point.fromBytes(handle).toBytes(false)
const attestationKey = unwrap(decodeTpmAttestationKey(encodeTpmEccKey(point)))
const qualifyingData = new Uint8Array(32).fill(5)
const usual: AttestFields = { extraData: qualifyingData, selections: [{ pcrs: [0, 9, 23] }], pcrDigest: new Uint8Array(32).fill(6) }

function signed(attest: Uint8Array): ReturnType<typeof verifyTpmQuote> {
  const signature = encodeTpmEccSignature(tpm.sign(handle, attest))
  return verifyTpmQuote(verifyDeviceSignature, { attest, signature }, { attestationKey, qualifyingData })
}

const quoteOf = (fields: Partial<AttestFields>): ReturnType<typeof verifyTpmQuote> => signed(encodeTpmAttest({ ...usual, ...fields }))

describe("a quote that the right key signed", () => {
  test("gives all that it says", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 23 }), { minLength: 1, maxLength: 24 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.boolean(),
        (numbers, clockMs, count, safe) => {
          const pcrs = numbers.toSorted((a, b) => a - b)
          const given = { clockMs, resetCount: count, restartCount: 2 ** 32 - 1 - count, firmwareVersion: ~clockMs & (2n ** 64n - 1n) }
          const { restartCount, resetCount, firmwareVersion } = given
          expect(unwrap(quoteOf({ ...given, safe: safe ? 1 : 0, selections: [{ pcrs }] }))).toEqual({
            pcrs,
            pcrDigest: usual.pcrDigest,
            clockMs,
            resetCount,
            restartCount,
            isClockSafe: safe,
            firmwareVersion,
          })
        },
      ),
      { numRuns: 40 },
    )
  })

  test.each<[string, Partial<AttestFields>, string]>([
    ["begins with another magic, as anything may that is signed by hand", { magic: 0xff54_4348 }, "TPM_QUOTE_MAGIC"],
    ["certifies a key", { type: 0x8017 }, "TPM_QUOTE_TYPE"],
    ["certifies a creation", { type: 0x801a }, "TPM_QUOTE_TYPE"],
    ["tells the time", { type: 0x8019 }, "TPM_QUOTE_TYPE"],
    ["names its signer by another hash", { signer: concatBytes(Uint8Array.of(0, 0x0c), new Uint8Array(32)) }, "TPM_QUOTE_INVALID"],
    ["names no signer", { signer: new Uint8Array(0) }, "TPM_QUOTE_INVALID"],
    ["has no nonce", { extraData: new Uint8Array(0) }, "TPM_QUOTE_NONCE"],
    ["has another nonce", { extraData: new Uint8Array(32).fill(4) }, "TPM_QUOTE_NONCE"],
    ["has a nonce that goes on", { extraData: concatBytes(qualifyingData, Uint8Array.of(0)) }, "TPM_QUOTE_NONCE"],
    ["has a nonce that is longer than any", { extraData: new Uint8Array(65) }, "TPM_QUOTE_INVALID"],
    ["has a clock that is neither safe nor unsafe", { safe: 2 }, "TPM_QUOTE_INVALID"],
    ["covers no bank", { selections: [] }, "TPM_QUOTE_PCRS"],
    ["covers no registers", { selections: [{ pcrs: [] }] }, "TPM_QUOTE_PCRS"],
    ["covers registers of SHA-1", { selections: [{ bank: 4, pcrs: [0] }] }, "TPM_QUOTE_BANK"],
    ["covers registers of a hash that nobody knows", { selections: [{ bank: 0x7777, pcrs: [0] }] }, "TPM_QUOTE_BANK"],
    ["covers two banks", { selections: [{ pcrs: [0] }, { bank: 4, pcrs: [0] }] }, "TPM_QUOTE_BANK"],
    ["covers one bank twice", { selections: [{ pcrs: [0] }, { pcrs: [1] }] }, "TPM_QUOTE_BANK"],
    ["covers more banks than there are", { selections: Array.from({ length: 17 }, () => ({ pcrs: [0] })) }, "TPM_QUOTE_INVALID"],
    ["has a digest of SHA-1", { pcrDigest: new Uint8Array(20) }, "TPM_QUOTE_INVALID"],
    ["has a digest of SHA-384", { pcrDigest: new Uint8Array(48) }, "TPM_QUOTE_INVALID"],
  ])("is refused when it %s", (_, fields, code) => {
    expect(quoteOf(fields)).toMatchObject({ ok: false, code })
  })

  test("is refused when something follows it, or it is longer than any", () => {
    expect(signed(concatBytes(encodeTpmAttest(usual), Uint8Array.of(0)))).toMatchObject({ code: "TPM_QUOTE_INVALID" })
    expect(signed(concatBytes(encodeTpmAttest(usual), new Uint8Array(1_024)))).toMatchObject({
      code: "TPM_QUOTE_INVALID",
      message: expect.stringContaining("1024"),
    })
  })

  test("says what was seen and what was expected", () => {
    expect(quoteOf({ magic: 1 })).toMatchObject({ data: { observed: "0x00000001", expected: "0xff544347" } })
    expect(quoteOf({ extraData: Uint8Array.of(1) })).toMatchObject({ data: { observed: "01", expected: "05".repeat(32) } })
    expect(quoteOf({ selections: [{ bank: 4, pcrs: [0] }] })).toMatchObject({ data: { observed: "0x0004", expected: "0x000b" } })
  })
})

describe("the signature of a quote", () => {
  const attest = encodeTpmAttest(usual)
  const good = encodeTpmEccSignature(tpm.sign(handle, attest))
  const judge = (signature: Uint8Array): unknown =>
    verifyTpmQuote(verifyDeviceSignature, { attest, signature }, { attestationKey, qualifyingData })

  test.each<[string, readonly number[], string]>([
    ["RSASSA", [0x00, 0x14, 0x00, 0x0b], "TPM_SIGNATURE_ALGORITHM"],
    ["a hash that nobody knows", [0x00, 0x18, 0x77, 0x77], "TPM_SIGNATURE_ALGORITHM"],
    ["SHA-1", [0x00, 0x18, 0x00, 0x04], "TPM_SIGNATURE_ALGORITHM"],
    ["numbers of 33 bytes", [0x00, 0x18, 0x00, 0x0b, 0x00, 0x21], "TPM_SIGNATURE_INVALID"],
    ["empty numbers", [0x00, 0x18, 0x00, 0x0b, 0x00, 0x00], "TPM_SIGNATURE_INVALID"],
  ])("of %s is refused", (_, head, code) => {
    expect(judge(Uint8Array.of(...head, ...good.subarray(head.length)))).toMatchObject({ code })
  })

  test("of another key is refused, and one that is longer than any", () => {
    expect(judge(encodeTpmEccSignature(tpm.sign(tpm.makeKey(), attest)))).toMatchObject({ code: "TPM_SIGNATURE_WRONG" })
    expect(judge(new Uint8Array(601))).toMatchObject({ code: "TPM_SIGNATURE_INVALID" })
  })

  test("is taken without the leading zeros of its numbers, as some TPMs write them", () => {
    // About one attempt in 128 has a zero to leave out.
    for (let clockMs = 0n; ; clockMs++) {
      const other = encodeTpmAttest({ ...usual, clockMs })
      const [r, s] = [tpm.sign(handle, other).subarray(0, 32), tpm.sign(handle, other).subarray(32)]
      if (r[0] !== 0) continue
      const signature = concatBytes(Uint8Array.of(0, 0x18, 0, 0x0b, 0, 31), r.subarray(1), Uint8Array.of(0, 32), s)
      expect(verifyTpmQuote(verifyDeviceSignature, { attest: other, signature }, { attestationKey, qualifyingData }).ok).toBe(true)
      return
    }
  })

  test("without a nonce to expect is no question that can be asked", () => {
    const expected = { attestationKey, qualifyingData: new Uint8Array(0) }
    expect(() => verifyTpmQuote(verifyDeviceSignature, { attest, signature: good }, expected)).toThrow(RangeError)
  })
})
