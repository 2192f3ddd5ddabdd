export {
  auditedActionShape,
  emptyAudit,
  encodeAuditEvent,
  foldAuditEvent,
  MAX_AUDIT_EVENT_BYTES,
  nextAuditHead,
  type AuditedAction,
  type AuditEvent,
  type AuditHead,
} from "./audit.ts"
export { keyErrors, type KeyErrorCode } from "./errors.ts"
export { decodeKeyBackend, DEFAULT_KEY_BACKEND, KEY_BACKENDS, type KeyBackendName } from "./key-backend-name.ts"
export {
  MAX_KEY_VERSIONS,
  rotated,
  satisfiesOrder,
  stateOf,
  verifyingVersions,
  versionFor,
  withRules,
  withState,
  type KeyEntry,
  type KeyEntryRefusal,
  type KeyOrder,
  type KeySource,
  type KeyState,
  type KeyVersion,
} from "./key-entry.ts"
export { decodeKeyId, MAX_KEY_ID_LENGTH, type KeyId } from "./key-id.ts"
export { decodeKeyEntry, keyEntryValue } from "./key-record.ts"
export { keyRulesShape, keyRulesValue, mayUse, OPEN_RULES, type Caller, type KeyRule, type KeyRules, type RuledUse } from "./key-rules.ts"
export {
  checkOperatorValue,
  decodeOperatorName,
  DEFAULT_OPERATOR_RATE,
  DEFAULT_OPERATOR_TIMEOUT_MS,
  MAX_OPERATOR_INPUT_BYTES,
  MAX_OPERATOR_INTEGER,
  MAX_OPERATORS,
  operatorOutputShape,
  operatorSettingShape,
  operatorSpecShape,
  suitsOperator,
  type OperatorName,
  type OperatorOutput,
  type OperatorSetting,
  type OperatorSpec,
  type OperatorValue,
} from "./operator.ts"
export {
  chooseSignature,
  decodeKeyType,
  KEY_OPERATIONS,
  KEY_TYPES,
  keyTypeTraits,
  type KeyOperation,
  type KeyType,
  type KeyTypeTraits,
  type SignatureAlgorithm,
} from "./key-type.ts"
