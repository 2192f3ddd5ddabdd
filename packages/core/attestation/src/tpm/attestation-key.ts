import { concatBytes, ok, refuse, type Result } from "@keygrove/base"
import type { DeviceKey } from "@keygrove/crypto"
import { hex16, hex32, TPM_ALG } from "./algorithms.ts"
import { TpmReader } from "./tpm-reader.ts"

/** Longest TPMT_PUBLIC that is read, in bytes; one of RSA-2048 has about 280. */
export const MAX_TPM_PUBLIC_AREA_BYTES = 600

/** The public area of an attestation key (TPMT_PUBLIC), decoded and judged: a restricted signing key that cannot leave its TPM. */
export interface TpmAttestationKey {
  /** What it was decoded from; these bytes are the key's identity. */
  readonly publicArea: Uint8Array
  /** For verifying signatures with SHA-256. */
  readonly key: DeviceKey
}

/** Codes of a public area that is not an attestation key's. */
export type TpmKeyRefusal = "TPM_KEY_INVALID" | "TPM_KEY_ALGORITHM" | "TPM_KEY_ATTRIBUTES"

const DIGEST_BYTES = 32
const P256_CURVE = 0x0003
const COORDINATE_BYTES = 32
const MODULUS_BYTES = 256
const MODULUS_BITS = 2_048
const EXPONENT = 65_537

/** TPMA_OBJECT: fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign. */
const REQUIRED = 0x0005_0032
/** stClear, userWithAuth, adminWithPolicy, noDA: who may use the key is its TPM's matter. Everything else, such as `decrypt`, makes it another kind of key. */
const ALLOWED = REQUIRED | 0x0000_04c4

/**
 * Decodes a TPMT_PUBLIC of at most 600 bytes and refuses every key but one for ECDSA over P-256 or RSASSA of 2048 bits, both with SHA-256, that its TPM made,
 * never gives away, and with which it signs nothing but structures of its own (TPM 2.0 Library, Part 1, §31; Part 2, §12.2.4).
 */
export function decodeTpmAttestationKey(publicArea: Uint8Array): Result<TpmAttestationKey, TpmKeyRefusal> {
  if (publicArea.length > MAX_TPM_PUBLIC_AREA_BYTES)
    return invalid(`it has ${publicArea.length} bytes; at most ${MAX_TPM_PUBLIC_AREA_BYTES} are read`)
  const reader = new TpmReader(publicArea)
  const [type, nameHash, attributes] = [reader.uint16(), reader.uint16(), reader.uint32()]
  const policy = reader.sized(DIGEST_BYTES)
  if (type === undefined || nameHash === undefined || attributes === undefined || policy === undefined) return invalid("it is cut short")
  if (type !== TPM_ALG.ecc && type !== TPM_ALG.rsa) return wrongAlgorithm("type", type, "0x0001 (RSA) or 0x0023 (ECC)")
  if (nameHash !== TPM_ALG.sha256) return wrongAlgorithm("hash of names", nameHash, "0x000b (SHA-256)")
  if (policy.length !== 0 && policy.length !== DIGEST_BYTES)
    return invalid(`its policy has ${policy.length} bytes; expected 0 or ${DIGEST_BYTES}`)
  const key = type === TPM_ALG.ecc ? readEccKey(reader) : readRsaKey(reader)
  if (!key.ok) return key
  if (!reader.isAtEnd) return invalid("bytes follow it")
  const judged = judgeAttributes(attributes)
  return judged.ok ? ok({ publicArea: Uint8Array.from(publicArea), key: key.value }) : judged
}

/** TPMS_ECC_PARMS and TPMS_ECC_POINT. */
function readEccKey(reader: TpmReader): Result<DeviceKey, TpmKeyRefusal> {
  const scheme = readScheme(reader, TPM_ALG.ecdsa)
  if (!scheme.ok) return scheme
  const [curve, derivation] = [reader.uint16(), reader.uint16()]
  if (curve === undefined || derivation === undefined) return invalid("it is cut short")
  if (curve !== P256_CURVE) return wrongAlgorithm("curve", curve, "0x0003 (NIST P-256)")
  if (derivation !== TPM_ALG.null) return wrongAlgorithm("key derivation", derivation, "0x0010 (none)")
  const [x, y] = [reader.sized(COORDINATE_BYTES), reader.sized(COORDINATE_BYTES)]
  if (x === undefined || y === undefined) return invalid("its point is cut short or too long")
  if (x.length !== COORDINATE_BYTES || y.length !== COORDINATE_BYTES)
    return invalid(`its point has coordinates of ${x.length} and ${y.length} bytes; expected ${COORDINATE_BYTES}`)
  return ok({ type: "p256", point: concatBytes(Uint8Array.of(4), x, y) })
}

/** TPMS_RSA_PARMS and TPM2B_PUBLIC_KEY_RSA. */
function readRsaKey(reader: TpmReader): Result<DeviceKey, TpmKeyRefusal> {
  const scheme = readScheme(reader, TPM_ALG.rsassa)
  if (!scheme.ok) return scheme
  const [bits, exponent] = [reader.uint16(), reader.uint32()]
  if (bits === undefined || exponent === undefined) return invalid("it is cut short")
  if (bits !== MODULUS_BITS) return refuse("TPM_KEY_ALGORITHM", `the attestation key has ${bits} bits; expected ${MODULUS_BITS}`)
  // Zero is how a TPM writes the exponent that is the default.
  if (exponent !== 0 && exponent !== EXPONENT)
    return refuse("TPM_KEY_ALGORITHM", `the attestation key has the exponent ${exponent}; expected ${EXPONENT}`)
  const modulus = reader.sized(MODULUS_BYTES)
  if (modulus?.length !== MODULUS_BYTES || (modulus[0] ?? 0) < 0x80) return invalid(`its modulus has not ${MODULUS_BITS} bits`)
  return ok({ type: "rsa-2048", modulus: Uint8Array.from(modulus), exponent: EXPONENT })
}

/** TPMT_SYM_DEF_OBJECT, which a signing key has none of, and the scheme that it always signs with. */
function readScheme(reader: TpmReader, expected: number): Result<true, TpmKeyRefusal> {
  const symmetric = reader.uint16()
  if (symmetric === undefined) return invalid("it is cut short")
  if (symmetric !== TPM_ALG.null) return wrongAlgorithm("symmetric cipher", symmetric, "0x0010 (none)")
  const scheme = reader.uint16()
  if (scheme === undefined) return invalid("it is cut short")
  if (scheme !== expected) return wrongAlgorithm("scheme", scheme, hex16(expected))
  const hash = reader.uint16()
  if (hash === undefined) return invalid("it is cut short")
  return hash === TPM_ALG.sha256 ? ok(true) : wrongAlgorithm("hash", hash, "0x000b (SHA-256)")
}

function judgeAttributes(attributes: number): Result<true, "TPM_KEY_ATTRIBUTES"> {
  const missing = REQUIRED & ~attributes
  const foreign = attributes & ~ALLOWED
  if (missing === 0 && foreign === 0) return ok(true)
  return refuse(
    "TPM_KEY_ATTRIBUTES",
    `the key has the attributes ${hex32(attributes)}: missing of an attestation key are ${hex32(missing)}, not allowed are ${hex32(foreign >>> 0)}`,
    { observed: hex32(attributes), required: hex32(REQUIRED), allowed: hex32(ALLOWED) },
  )
}

function wrongAlgorithm(what: string, observed: number, expected: string): Result<never, "TPM_KEY_ALGORITHM"> {
  return refuse("TPM_KEY_ALGORITHM", `the attestation key's ${what} is ${hex16(observed)}; expected ${expected}`, {
    observed: hex16(observed),
    expected,
  })
}

function invalid(reason: string): Result<never, "TPM_KEY_INVALID"> {
  return refuse("TPM_KEY_INVALID", `the public area of the attestation key is malformed: ${reason}; enrol the machine again`)
}
