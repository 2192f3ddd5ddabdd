import { bytesShape, bytesWithinShape, integerShape, type CborValue, type Shape } from "@keygrove/base"
import * as v from "valibot"
import { MAX_ACCEPTED_DIGESTS, MAX_ATTESTATION_KEY_BYTES, MAX_PCR } from "./limits.ts"

/**
 * What holders ask of a member's machine before they give its pieces back: a fresh quote by the TPM that it had when its owner said so, of one of the states that its owner named. Nothing is said of who
 * made the TPM. The fold takes the key as it is: whoever judges a quote reads it.
 */
export interface EvidenceDemand {
  readonly family: "tpm2"
  /** Public area (TPMT_PUBLIC) of a key that signs nothing but what its TPM attests, at most {@link MAX_ATTESTATION_KEY_BYTES}. */
  readonly attestationKey: Uint8Array
  /** Registers of the SHA-256 bank that a quote covers, ascending, at least one. */
  readonly pcrs: readonly number[]
  /** SHA-256 of these registers' values, 32 bytes each, one to {@link MAX_ACCEPTED_DIGESTS}: the state of when it was said first, then others that its owner accepts. */
  readonly digests: readonly Uint8Array[]
}

/** Of a demand for evidence. */
export const evidenceDemandShape: Shape<EvidenceDemand> = v.strictObject({
  family: v.literal("tpm2"),
  attestationKey: bytesWithinShape(1, MAX_ATTESTATION_KEY_BYTES),
  pcrs: v.pipe(
    v.array(integerShape(0, MAX_PCR)),
    v.minLength(1),
    v.check((pcrs) => pcrs.every((pcr, place) => place === 0 || (pcrs[place - 1] ?? pcr) < pcr), "registers ascend"),
  ),
  digests: v.pipe(
    v.array(bytesShape(32)),
    v.minLength(1),
    v.maxLength(MAX_ACCEPTED_DIGESTS),
    v.check((digests) => new Set(digests.map(String)).size === digests.length, "each digest is named once"),
  ),
})

/** A demand as canonical CBOR has it. */
export function evidenceDemandValue({ attestationKey, digests, family, pcrs }: EvidenceDemand): CborValue {
  return { family, attestationKey, pcrs, digests }
}
