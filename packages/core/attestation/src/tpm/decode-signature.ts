import { ok, refuse, type Result } from "@keygrove/base"
import type { DeviceKey } from "@keygrove/crypto"
import { hex16, TPM_ALG } from "./algorithms.ts"
import { MAX_TPM_SIGNATURE_BYTES } from "./quote.ts"
import { TpmReader } from "./tpm-reader.ts"

/** Codes of a signature that cannot be verified. */
export type TpmSignatureRefusal = "TPM_SIGNATURE_INVALID" | "TPM_SIGNATURE_ALGORITHM"

const ECDSA_HALF_BYTES = 32
const RSA_BYTES = 256

/** The bytes of a TPMT_SIGNATURE (TPM 2.0 Library, Part 2, §11.3.4) as a key of this type verifies them: r ‖ s (64 bytes), or those of RSA (256). Strict: nothing may follow. */
export function decodeTpmSignature(bytes: Uint8Array, type: DeviceKey["type"]): Result<Uint8Array, TpmSignatureRefusal> {
  if (bytes.length > MAX_TPM_SIGNATURE_BYTES) return invalid(`it has ${bytes.length} bytes; at most ${MAX_TPM_SIGNATURE_BYTES} are read`)
  const reader = new TpmReader(bytes)
  const [algorithm, hash] = [reader.uint16(), reader.uint16()]
  if (algorithm === undefined || hash === undefined) return invalid("it is cut short")
  const expected = type === "p256" ? TPM_ALG.ecdsa : TPM_ALG.rsassa
  if (algorithm !== expected || hash !== TPM_ALG.sha256) return wrongAlgorithm([algorithm, hash], [expected, TPM_ALG.sha256])
  const signature = type === "p256" ? readEcdsa(reader) : readRsa(reader)
  if (signature === undefined) return invalid("its numbers are cut short, too long or empty")
  return reader.isAtEnd ? ok(signature) : invalid("bytes follow it")
}

/** TPMS_SIGNATURE_ECC. A TPM may leave leading zeros out. */
function readEcdsa(reader: TpmReader): Uint8Array | undefined {
  const signature = new Uint8Array(2 * ECDSA_HALF_BYTES)
  for (const end of [ECDSA_HALF_BYTES, 2 * ECDSA_HALF_BYTES]) {
    const half = reader.sized(ECDSA_HALF_BYTES)
    if (half === undefined || half.length === 0) return undefined
    signature.set(half, end - half.length)
  }
  return signature
}

/** TPMS_SIGNATURE_RSA. */
function readRsa(reader: TpmReader): Uint8Array | undefined {
  const signature = reader.sized(RSA_BYTES)
  return signature?.length === RSA_BYTES ? Uint8Array.from(signature) : undefined
}

function wrongAlgorithm(observed: readonly number[], expected: readonly number[]): Result<never, "TPM_SIGNATURE_ALGORITHM"> {
  const [seen, wanted] = [observed.map(hex16).join(" with "), expected.map(hex16).join(" with ")]
  return refuse("TPM_SIGNATURE_ALGORITHM", `the TPM quote is signed by ${seen}; its attestation key signs by ${wanted}`, {
    observed: seen,
    expected: wanted,
  })
}

function invalid(reason: string): Result<never, "TPM_SIGNATURE_INVALID"> {
  return refuse("TPM_SIGNATURE_INVALID", `the signature of the TPM quote is malformed: ${reason}; ask for another quote`)
}
