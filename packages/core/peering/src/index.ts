export {
  decodeLedgerAnswer,
  decodeLedgerRequest,
  encodeLedgerAnswer,
  encodeLedgerRequest,
  MAX_LEDGER_MESSAGE_BYTES,
  MAX_LEDGER_WAIT_MS,
  type LedgerAnswer,
  type LedgerHostRefusal,
  type LedgerRequest,
} from "./ledger-messages.ts"
export {
  admitReencrypt,
  admitRemoval,
  admitStore,
  MAX_CLOCK_SKEW_MS,
  standingPolicy,
  type ProxyView,
  type ReencryptRefusal,
  type StoreRefusal,
} from "./admission.ts"
export { peeringErrors, type PeeringErrorCode } from "./errors.ts"
export {
  decodeProxyAnswer,
  decodeProxyRequest,
  encodeProxyAnswer,
  encodeProxyRequest,
  MAX_PROXY_MESSAGE_BYTES,
  MAX_REQUEST_CAPSULES,
  type PolicyDraft,
  type ProxyAnswer,
  type ProxyRequest,
  type Receipt,
  type ReencryptionRequest,
} from "./proxy-messages.ts"
export { receiptSignBytes, requestSignBytes, verifyReceipt, type ExpectedReceipt } from "./proxy-signatures.ts"
export { takeToken, type Rate, type TokenBucket } from "./token-bucket.ts"
