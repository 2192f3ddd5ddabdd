import { decodeShape, encodeCanonical, equalBytes, ok, refuse, brandShape, bytesShape, integerShape, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { decodeTimestamp, type Timestamp } from "@keygrove/hierarchy"
import * as v from "valibot"
import { decodeOperatorName, type OperatorName } from "./operator.ts"

const AUDITED_ACTIONS = [
  "register",
  "rotate",
  "enable",
  "disable",
  "destroy",
  "rules",
  "export",
  "sign",
  "verify",
  "agree",
  "encrypt",
  "decrypt",
  "mac",
  "derive",
  "operate",
] as const

/** What happened to a key, in the audit trail. */
export type AuditedAction = (typeof AUDITED_ACTIONS)[number]

/** One use of a key: who did what and whether it worked, never with what content. */
export interface AuditEvent {
  readonly at: Timestamp
  readonly caller: string
  readonly key: string
  readonly action: AuditedAction
  /** Which operator was to run; only for `operate`. */
  readonly operator?: OperatorName
  /** `ok`, or the code of the refusal. */
  readonly outcome: string
}

/** End of a trail: how many events it has and the hash that covers all of them. */
export interface AuditHead {
  readonly length: number
  /** 32 bytes. */
  readonly hash: Uint8Array
}

/** Longest encoded event, in bytes. */
export const MAX_AUDIT_EVENT_BYTES = 1_024

/** Shape of an action in records and messages. */
export const auditedActionShape: v.GenericSchema<unknown, AuditedAction> = v.picklist(AUDITED_ACTIONS)

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(160))
const eventShape = v.strictObject({
  version: v.literal(1),
  index: integerShape(0, Number.MAX_SAFE_INTEGER),
  previous: bytesShape(32),
  at: brandShape(decodeTimestamp),
  caller: text,
  key: text,
  action: auditedActionShape,
  operator: v.exactOptional(brandShape(decodeOperatorName)),
  outcome: v.pipe(v.string(), v.regex(/^(?:ok|[A-Z][A-Z0-9_]{1,63})$/, "must be ok or a code")),
})

/** The head of a trail without events. */
export function emptyAudit(): AuditHead {
  return { length: 0, hash: new Uint8Array(32) }
}

/**
 * The next event as it is stored: canonical CBOR that carries its index and the hash of everything before it, so that no event can be changed,
 * moved or left out without the hashes after it being wrong.
 */
export function encodeAuditEvent(head: AuditHead, event: AuditEvent): Uint8Array {
  const { action, at, caller, key, operator, outcome } = event
  const ran = operator === undefined ? {} : { operator }
  return encodeCanonical({ version: 1, index: head.length, previous: head.hash, at, caller, key, action, ...ran, outcome })
}

/** Checks that stored bytes are the event after `head`; gives the event and the head after it. */
export function foldAuditEvent(
  { sha256 }: Pick<Primitives, "sha256">,
  head: AuditHead,
  bytes: Uint8Array,
): Result<{ readonly event: AuditEvent; readonly head: AuditHead }, "AUDIT_CORRUPT"> {
  const decoded = decodeShape(bytes, {
    shape: eventShape,
    maxBytes: MAX_AUDIT_EVENT_BYTES,
    code: "AUDIT_CORRUPT",
    noun: `audit event ${head.length}`,
  })
  if (!decoded.ok) return decoded
  const { index, previous, version: _, ...event } = decoded.value
  if (index !== head.length || !equalBytes(previous, head.hash))
    return refuse("AUDIT_CORRUPT", `audit event ${head.length} does not follow the one before it; the trail was changed`, {
      index: head.length,
    })
  return ok({ event, head: nextAuditHead({ sha256 }, head, bytes) })
}

/** The head after an event. */
export function nextAuditHead({ sha256 }: Pick<Primitives, "sha256">, head: AuditHead, bytes: Uint8Array): AuditHead {
  return { length: head.length + 1, hash: sha256(bytes) }
}
