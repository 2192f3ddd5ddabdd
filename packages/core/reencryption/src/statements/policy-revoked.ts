import { bytesShape, decodeShape, encodeCanonical, type Result } from "@keygrove/base"
import * as v from "valibot"

/** Ends a policy from this entry's index on, for ever. Signed by the owner's current signing key. */
export interface PolicyRevocation {
  /** 32 bytes. */
  readonly policyId: Uint8Array
}

/** Longest encoded form in bytes. */
export const MAX_POLICY_REVOCATION_BYTES = 64

const shape = v.strictObject({ policyId: bytesShape(32) })

/** Canonical CBOR of the revocation. */
export function encodePolicyRevocation(revocation: PolicyRevocation): Uint8Array {
  return encodeCanonical({ policyId: revocation.policyId })
}

/** Strict inverse of {@link encodePolicyRevocation}. */
export function decodePolicyRevocation(bytes: Uint8Array): Result<PolicyRevocation, "STATEMENT_INVALID"> {
  return decodeShape(bytes, { shape, maxBytes: MAX_POLICY_REVOCATION_BYTES, code: "STATEMENT_INVALID", noun: "policy revocation" })
}
