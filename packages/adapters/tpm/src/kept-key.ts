import { bytesWithinShape, decodeShape, encodeCanonical, type Result } from "@keygrove/base"
import * as v from "valibot"

/** An attestation key as its TPM wrapped it: TPM2B_PUBLIC and TPM2B_PRIVATE. Of no use outside of that TPM. */
export interface KeptKey {
  readonly public: Uint8Array
  readonly private: Uint8Array
}

/** Longest kept key, in bytes; one of P-256 has about 250. */
export const MAX_KEPT_BYTES = 2_048
const MIN_PUBLIC_BYTES = 12
const MAX_PART_BYTES = 900

const shape = v.strictObject({
  v: v.literal(1),
  public: bytesWithinShape(MIN_PUBLIC_BYTES, MAX_PART_BYTES),
  private: bytesWithinShape(2, MAX_PART_BYTES),
})

/** Canonical CBOR `{v: 1, public, private}`. */
export function encodeKeptKey(key: KeptKey): Uint8Array {
  return encodeCanonical({ v: 1, public: key.public, private: key.private })
}

/** Inverse of {@link encodeKeptKey}; bytes that are none mean that there is no key any more. */
export function decodeKeptKey(bytes: Uint8Array): Result<KeptKey, "TPM_KEY_LOST"> {
  return decodeShape(bytes, { shape, maxBytes: MAX_KEPT_BYTES, code: "TPM_KEY_LOST", noun: "the kept attestation key" })
}

/** TPMT_PUBLIC of a TPM2B_PUBLIC: what follows its length. */
export function publicAreaOf(key: KeptKey): Uint8Array {
  return key.public.slice(2)
}
