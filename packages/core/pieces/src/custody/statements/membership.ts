import { bytesShape, decodeShape, encodeCanonical, integerShape, type Result } from "@keygrove/base"
import { MAX_COUNTER } from "@keygrove/hierarchy"
import * as v from "valibot"
import { evidenceDemandShape, evidenceDemandValue, type EvidenceDemand } from "../evidence-demand.ts"
import { MAX_CUSTODY_STATEMENT_BYTES, MAX_MEMBER_ADDRESS_CHARACTERS, MAX_MEMBER_ADDRESSES } from "../limits.ts"

/** Whether a member's holders give its pieces back by themselves, or want an approval by another member first. */
export type UnlockMode = "auto" | "approve"

/** A node becomes a member, or says where it is now. Signed by its signing key. */
export interface CustodyJoining {
  /** Counts up with each `custody-joined` and `custody-left` of this node, from 1, so that none can be repeated. */
  readonly revision: number
  /** Ed25519, 32 bytes: what it is known by while it is locked. */
  readonly bootSigningKey: Uint8Array
  /** X25519, 32 bytes: what its pieces are sealed to. */
  readonly bootSealingKey: Uint8Array
  readonly unlock: UnlockMode
  /** What its machine has to show before its pieces are given back; absent when the boot key is enough. */
  readonly evidence?: EvidenceDemand
  /** Where it listens: multiaddrs without the /p2p part, at most {@link MAX_MEMBER_ADDRESSES}. */
  readonly addresses: readonly string[]
}

/** A member is none any more. Signed as {@link CustodyJoining}; no limit stands in its way. */
export interface CustodyLeaving {
  readonly revision: number
}

const revision = integerShape(1, MAX_COUNTER)
const joiningShape = v.strictObject({
  revision,
  bootSigningKey: bytesShape(32),
  bootSealingKey: bytesShape(32),
  unlock: v.picklist(["auto", "approve"]),
  evidence: v.exactOptional(evidenceDemandShape),
  addresses: v.pipe(
    v.array(v.pipe(v.string(), v.maxLength(MAX_MEMBER_ADDRESS_CHARACTERS), v.regex(/^\/[\x21-\x7e]+$/))),
    v.maxLength(MAX_MEMBER_ADDRESSES),
  ),
})
const leavingShape = v.strictObject({ revision })

/** Canonical CBOR of the statement. */
export function encodeCustodyJoining(joining: CustodyJoining): Uint8Array {
  const { addresses, bootSealingKey, bootSigningKey, evidence, unlock } = joining
  const demand = evidence === undefined ? {} : { evidence: evidenceDemandValue(evidence) }
  return encodeCanonical({ revision: joining.revision, bootSigningKey, bootSealingKey, unlock, ...demand, addresses })
}

/** Strict inverse of {@link encodeCustodyJoining}. */
export function decodeCustodyJoining(bytes: Uint8Array): Result<CustodyJoining, "STATEMENT_INVALID"> {
  const noun = "joining of a member"
  return decodeShape(bytes, { shape: joiningShape, maxBytes: MAX_CUSTODY_STATEMENT_BYTES, code: "STATEMENT_INVALID", noun })
}

/** Canonical CBOR of the statement. */
export function encodeCustodyLeaving(leaving: CustodyLeaving): Uint8Array {
  return encodeCanonical({ revision: leaving.revision })
}

/** Strict inverse of {@link encodeCustodyLeaving}. */
export function decodeCustodyLeaving(bytes: Uint8Array): Result<CustodyLeaving, "STATEMENT_INVALID"> {
  const noun = "leaving of a member"
  return decodeShape(bytes, { shape: leavingShape, maxBytes: MAX_CUSTODY_STATEMENT_BYTES, code: "STATEMENT_INVALID", noun })
}
