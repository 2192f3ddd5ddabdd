import { brandShape, bytesShape, bytesWithinShape, integerShape, type CborValue, type Shape } from "@keygrove/base"
import {
  auditedActionShape,
  decodeKeyBackend,
  decodeKeyEntry,
  decodeKeyId,
  decodeKeyType,
  decodeOperatorName,
  keyRulesShape,
  MAX_OPERATOR_INPUT_BYTES,
  MAX_OPERATOR_INTEGER,
  MAX_OPERATORS,
  operatorSpecShape,
  type AuditEvent,
  type AuditHead,
  type Caller,
  type KeyEntry,
  type KeyId,
  type KeyRules,
  type KeyState,
  type KeyType,
  type OperatorSpec,
  type OperatorValue,
} from "@keygrove/keys"
import { decodeTimestamp } from "@keygrove/hierarchy"
import {
  MAX_AUDIT_SLICE,
  MAX_KEY_MESSAGE_BYTES,
  MAX_KEY_SLICE,
  type KeyRegistration,
  type KeySignature,
  type OperatorOrder,
  type SignOrder,
  type VerifyOrder,
} from "@keygrove/service"
import * as v from "valibot"

/** Who asks, in every request about a named key. */
interface Asked {
  readonly caller: Caller
}

/** What the daemon may ask about named keys, by method. */
export interface KeyRequests {
  readonly "keys.register": Asked & KeyRegistration
  readonly "keys.list": Asked & { readonly after?: KeyId; readonly limit: number }
  readonly "keys.find": Asked & { readonly id: KeyId }
  readonly "keys.rotate": Asked & { readonly id: KeyId }
  readonly "keys.setState": Asked & { readonly id: KeyId; readonly state: KeyState; readonly version?: number }
  readonly "keys.setRules": Asked & { readonly id: KeyId; readonly rules: KeyRules }
  readonly "keys.sign": Asked & SignOrder
  readonly "keys.verify": Asked & VerifyOrder
  readonly "keys.agree": Asked & { readonly id: KeyId; readonly peer: Uint8Array }
  readonly "keys.encrypt": Asked & { readonly id: KeyId; readonly plaintext: Uint8Array; readonly context?: Uint8Array }
  readonly "keys.decrypt": Asked & { readonly id: KeyId; readonly ciphertext: Uint8Array; readonly context?: Uint8Array }
  readonly "keys.mac": Asked & { readonly id: KeyId; readonly message: Uint8Array; readonly version?: number }
  readonly "keys.derive": Asked & { readonly id: KeyId; readonly child: KeyId; readonly type: KeyType }
  readonly "keys.operate": Asked & OperatorOrder
  readonly "keys.operators": Asked
  readonly "keys.export": Asked & { readonly id: KeyId; readonly recipientKey: Uint8Array }
  readonly "keys.audit": Asked & { readonly from: number; readonly limit: number }
  readonly "keys.verifyAudit": Asked
}

/** What comes back. */
export interface KeyAnswers {
  readonly "keys.register": { readonly entry: KeyEntry; readonly created: boolean }
  readonly "keys.list": readonly KeyEntry[]
  readonly "keys.find": KeyEntry
  readonly "keys.rotate": KeyEntry
  readonly "keys.setState": KeyEntry
  readonly "keys.setRules": KeyEntry
  readonly "keys.sign": KeySignature
  readonly "keys.verify": { readonly version: number }
  readonly "keys.agree": Uint8Array
  readonly "keys.encrypt": Uint8Array
  readonly "keys.decrypt": Uint8Array
  readonly "keys.mac": Uint8Array
  readonly "keys.derive": KeyEntry
  readonly "keys.operate": OperatorValue
  readonly "keys.operators": readonly OperatorSpec[]
  readonly "keys.export": Uint8Array
  readonly "keys.audit": readonly AuditEvent[]
  readonly "keys.verifyAudit": AuditHead
}

/** Bytes that encryption adds at most: format, version, salt and tag. */
const MAX_OVERHEAD_BYTES = 128
const caller = v.pipe(v.string(), v.minLength(1), v.maxLength(40))
const id = brandShape(decodeKeyId)
const type = brandShape(decodeKeyType)
const operator = brandShape(decodeOperatorName)
const entry = brandShape((value) => decodeKeyEntry(value as CborValue))
const version = integerShape(1, 0xffff_ffff)
const message = bytesWithinShape(0, MAX_KEY_MESSAGE_BYTES)
const longMessage = bytesWithinShape(0, MAX_KEY_MESSAGE_BYTES + MAX_OVERHEAD_BYTES)
const context = v.exactOptional(bytesWithinShape(0, 4_096))
const algorithm = v.picklist(["ed25519", "ecdsa-sha256", "bip340", "bls-g2"])
const source = v.variant("kind", [
  v.strictObject({ kind: v.literal("generate") }),
  v.strictObject({ kind: v.literal("derive") }),
  v.strictObject({ kind: v.literal("import"), sealed: bytesWithinShape(1, 65_536) }),
  v.strictObject({ kind: v.literal("environment"), name: v.pipe(v.string(), v.minLength(1), v.maxLength(256)) }),
  v.strictObject({ kind: v.literal("file"), path: v.pipe(v.string(), v.minLength(1), v.maxLength(4_096)) }),
])
const signOrder = { caller, id, message, algorithm: v.exactOptional(algorithm) }
const position = integerShape(0, Number.MAX_SAFE_INTEGER)
const text = v.pipe(v.string(), v.maxLength(160))

/** Shapes of the requests. */
export const keyRequestShapes: { readonly [M in keyof KeyRequests]: Shape<KeyRequests[M]> } = {
  "keys.register": v.strictObject({
    caller,
    id,
    type,
    source,
    backend: v.exactOptional(brandShape(decodeKeyBackend)),
    exportable: v.exactOptional(v.boolean()),
    rules: v.exactOptional(keyRulesShape),
  }),
  "keys.list": v.strictObject({ caller, after: v.exactOptional(id), limit: integerShape(1, MAX_KEY_SLICE) }),
  "keys.find": v.strictObject({ caller, id }),
  "keys.rotate": v.strictObject({ caller, id }),
  "keys.setState": v.strictObject({
    caller,
    id,
    state: v.picklist(["enabled", "disabled", "destroyed"]),
    version: v.exactOptional(version),
  }),
  "keys.setRules": v.strictObject({ caller, id, rules: keyRulesShape }),
  "keys.sign": v.strictObject({ ...signOrder, isConfirmed: v.exactOptional(v.boolean()) }),
  "keys.verify": v.strictObject({ ...signOrder, signature: bytesWithinShape(0, 1_024) }),
  "keys.agree": v.strictObject({ caller, id, peer: bytesWithinShape(0, 133) }),
  "keys.encrypt": v.strictObject({ caller, id, plaintext: message, context }),
  "keys.decrypt": v.strictObject({ caller, id, ciphertext: longMessage, context }),
  "keys.mac": v.strictObject({ caller, id, message, version: v.exactOptional(version) }),
  "keys.derive": v.strictObject({ caller, id, child: id, type }),
  "keys.operate": v.strictObject({ caller, id, operator, input: bytesWithinShape(0, MAX_OPERATOR_INPUT_BYTES) }),
  "keys.operators": v.strictObject({ caller }),
  "keys.export": v.strictObject({ caller, id, recipientKey: bytesShape(32) }),
  "keys.audit": v.strictObject({ caller, from: position, limit: integerShape(1, MAX_AUDIT_SLICE) }),
  "keys.verifyAudit": v.strictObject({ caller }),
}

/** Shapes of the answers. */
export const keyAnswerShapes: { readonly [M in keyof KeyAnswers]: Shape<KeyAnswers[M]> } = {
  "keys.register": v.strictObject({ entry, created: v.boolean() }),
  "keys.list": v.pipe(v.array(entry), v.maxLength(MAX_KEY_SLICE)),
  "keys.find": entry,
  "keys.rotate": entry,
  "keys.setState": entry,
  "keys.setRules": entry,
  "keys.sign": v.strictObject({ signature: bytesWithinShape(64, 96), algorithm, version }),
  // 0: no version made it.
  "keys.verify": v.strictObject({ version: integerShape(0, 0xffff_ffff) }),
  "keys.agree": bytesShape(32),
  "keys.encrypt": longMessage,
  "keys.decrypt": longMessage,
  "keys.mac": bytesShape(32),
  "keys.derive": entry,
  // Bytes only as long as a digest: nothing else that an operator gives has any.
  "keys.operate": v.union([v.boolean(), integerShape(0, MAX_OPERATOR_INTEGER), v.pipe(v.string(), v.maxLength(32)), bytesShape(32)]),
  "keys.operators": v.pipe(v.array(operatorSpecShape), v.maxLength(MAX_OPERATORS)),
  "keys.export": bytesWithinShape(48, 4_096),
  "keys.audit": v.pipe(
    v.array(
      v.strictObject({
        at: brandShape(decodeTimestamp),
        caller: text,
        key: text,
        action: auditedActionShape,
        operator: v.exactOptional(operator),
        outcome: text,
      }),
    ),
    v.maxLength(MAX_AUDIT_SLICE),
  ),
  "keys.verifyAudit": v.strictObject({ length: position, hash: bytesShape(32) }),
}
