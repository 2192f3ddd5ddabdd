import { readFileSync } from "node:fs"
import { decodeTpmAttestationKey, verifyTpmQuote } from "@keygrove/attestation"
import { fromHex, unwrap } from "@keygrove/base"
import { verifyDeviceSignature } from "@keygrove/curves-native"
import { expect, test } from "vitest"
import { pick, type Dice } from "./dice.ts"
import { fuzz, FUZZ_TIMEOUT_MS } from "./fuzz.ts"
import { mutateBytes, randomBytesOf } from "./mutate-bytes.ts"

interface Vector {
  readonly publicArea: string
  readonly qualifyingData: string
  readonly attest: string
  readonly signature: string
  readonly expect: string
}

const url = new URL("../../vectors/attestation/tpm-quotes.json", import.meta.url)
const vectors: readonly Vector[] = JSON.parse(readFileSync(url, "utf8"))
const bytes = (hex: string): Uint8Array => unwrap(fromHex(hex))
const good = vectors
  .filter((vector) => vector.expect === "accept")
  .map((vector) => ({ vector, publicArea: bytes(vector.publicArea), attest: bytes(vector.attest), signature: bytes(vector.signature) }))

/** Nearly the bytes, or nothing of the kind. */
function changed(original: Uint8Array, roll: Dice): Uint8Array {
  return roll(16) === 0 ? randomBytesOf(roll) : mutateBytes(original, roll)
}

test(
  "a public area is refused, or is an attestation key with those bytes",
  async () =>
    await fuzz({
      name: "public areas of TPM keys",
      share: 1,
      once: (roll) => {
        const input = changed(pick(roll, good).publicArea, roll)
        const decoded = decodeTpmAttestationKey(input)
        if (decoded.ok) expect(Buffer.from(decoded.value.publicArea).equals(input)).toBe(true)
        else expect(decoded.code).toMatch(/^TPM_KEY_/)
      },
    }),
  FUZZ_TIMEOUT_MS,
)

test(
  "a quote that is not the one that was signed is refused",
  async () =>
    await fuzz({
      name: "TPM quotes",
      share: 1,
      // A signature is verified whenever the form is right.
      cost: 5,
      once: (roll) => {
        const { attest, publicArea, signature, vector } = pick(roll, good)
        const part = roll(2) === 0 ? "attest" : "signature"
        const quote = { attest, signature, [part]: changed(part === "attest" ? attest : signature, roll) }
        const expected = { attestationKey: unwrap(decodeTpmAttestationKey(publicArea)), qualifyingData: bytes(vector.qualifyingData) }
        const verified = verifyTpmQuote(verifyDeviceSignature, quote, expected)
        const isSame = Buffer.from(quote.attest).equals(attest) && Buffer.from(quote.signature).equals(signature)
        expect(verified.ok).toBe(isSame)
        if (!verified.ok) expect(verified.code).toMatch(/^TPM_(?:QUOTE|SIGNATURE)_/)
      },
    }),
  FUZZ_TIMEOUT_MS,
)
