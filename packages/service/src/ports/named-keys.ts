import type { Result } from "@keygrove/base"
import type {
  AuditEvent,
  AuditHead,
  Caller,
  KeyBackendName,
  KeyEntry,
  KeyEntryRefusal,
  KeyId,
  KeyRules,
  KeyState,
  KeyType,
  OperatorName,
  OperatorSpec,
  OperatorValue,
  SignatureAlgorithm,
} from "@keygrove/keys"
import type { CallOptions } from "./call-options.ts"
import type { KeyBackendRefusal } from "./key-backend.ts"
import type { OperatorRunRefusal } from "./operator-runner.ts"

/** A call about a named key: who asks is judged by the key's rules and written to the audit trail. */
export interface KeyCall extends CallOptions {
  readonly caller: Caller
}

/** Where a new key's secret comes from. */
export type KeyMaterialSource =
  | { readonly kind: "generate" }
  /** From the node secret by the key's id and version, so that the node's words bring it back. */
  | { readonly kind: "derive" }
  /**
   * Encrypted to the keystore's sealing key (HPKE base, info "keygrove/v1/key-import"), so that nobody on the way sees it: text in hex,
   * base64, PEM (PKCS #8), JWK or OpenSSH form, or raw bytes.
   */
  | { readonly kind: "import"; readonly sealed: Uint8Array }
  /** A variable that the keystore took out of its environment when it was started; each is used once, whatever comes of it. */
  | { readonly kind: "environment"; readonly name: string }
  /** A file of the keystore's user, mode 0600 or stricter, read by the keystore itself. */
  | { readonly kind: "file"; readonly path: string }

/** Most keys in one answer of {@link NamedKeys.list}. */
export const MAX_KEY_SLICE = 500
/** Most events in one answer of {@link NamedKeys.audit}. */
export const MAX_AUDIT_SLICE = 1_000
/** Longest message, plaintext or ciphertext of one call, in bytes. */
export const MAX_KEY_MESSAGE_BYTES = 262_144

/** "Make sure that this key exists." */
export interface KeyRegistration {
  readonly id: KeyId
  readonly type: KeyType
  readonly source: KeyMaterialSource
  /** What is to hold it: `sealed` unless said; one that exists may be in any then. */
  readonly backend?: KeyBackendName
  /** Whether the secret may leave, for migration only. False unless said. */
  readonly exportable?: boolean
  readonly rules?: KeyRules
}

export interface SignOrder {
  readonly id: KeyId
  /** At most 256 KiB; hashed by the algorithm itself. */
  readonly message: Uint8Array
  readonly algorithm?: SignatureAlgorithm
  /** Whether a person has agreed to this signature, for rules that want it of the agent for ssh. False unless said. */
  readonly isConfirmed?: boolean
}

export interface KeySignature {
  readonly signature: Uint8Array
  readonly algorithm: SignatureAlgorithm
  /** Which version signed. */
  readonly version: number
}

export interface VerifyOrder extends Omit<SignOrder, "isConfirmed"> {
  readonly signature: Uint8Array
}

export interface OperatorOrder {
  readonly id: KeyId
  readonly operator: OperatorName
  /** What the function is given beside the secret; at most 64 KiB. */
  readonly input: Uint8Array
}

export type NamedKeyRefusal =
  | KeyEntryRefusal
  | OperatorRunRefusal
  | "OPERATOR_UNKNOWN"
  | "OPERATOR_NOT_FOR_KEY"
  | "OPERATOR_RESULT_INVALID"
  | KeyBackendRefusal
  | "KEY_BACKEND_UNAVAILABLE"
  | "KEY_UNKNOWN"
  | "KEY_NOT_ALLOWED"
  | "KEY_NOT_CONFIRMED"
  | "KEY_RATE_EXCEEDED"
  | "KEY_NOT_EXPORTABLE"
  | "KEY_MATERIAL_INVALID"
  | "KEY_MATERIAL_UNREADABLE"
  | "AUDIT_CORRUPT"
  | "DISK_FULL"
  | "KEYSTORE_LOCKED"
  | "KEYSTORE_GONE"
  | "KEYSTORE_REQUEST_INVALID"

type Answer<T> = Promise<Result<T, NamedKeyRefusal>>

/**
 * Named keys of people and programs: registered once, used by their id, never handed out. Every use is judged by the key's rules and recorded
 * before its result leaves.
 */
export interface NamedKeys {
  /** Makes sure that a key exists; an existing one of the same type is left as it is. */
  register(registration: KeyRegistration, call: KeyCall): Answer<{ readonly entry: KeyEntry; readonly created: boolean }>
  /**
   * At most `limit` (≤ 500) keys after `after` in the order of their ids, public parts only. Fewer may come when they have many versions; only an
   * empty answer says that there are no more.
   */
  list(slice: { readonly after?: KeyId; readonly limit: number }, call: KeyCall): Answer<readonly KeyEntry[]>
  find(id: KeyId, call: KeyCall): Answer<KeyEntry>
  /** Adds a version with a fresh secret, made as the first one was (an imported key gets a generated one). */
  rotate(id: KeyId, call: KeyCall): Answer<KeyEntry>
  /** Enables, disables or destroys one version, or all. Destroying wipes the secret from the store. */
  setState(id: KeyId, change: { readonly state: KeyState; readonly version?: number }, call: KeyCall): Answer<KeyEntry>
  /** Puts other rules in the place of all that the key has; they hold for the next use. */
  setRules(id: KeyId, rules: KeyRules, call: KeyCall): Answer<KeyEntry>
  sign(order: SignOrder, call: KeyCall): Answer<KeySignature>
  /** Whether any enabled version made the signature, and which. */
  verify(order: VerifyOrder, call: KeyCall): Answer<{ readonly version: number | undefined }>
  /** Diffie-Hellman with a peer's public key (32 bytes for x25519, 33 else): 32 bytes, the shared x coordinate. */
  agree(order: { readonly id: KeyId; readonly peer: Uint8Array }, call: KeyCall): Answer<Uint8Array>
  /** Encrypts up to 256 KiB, with x25519 from one byte on; the nonce is the keystore's own. */
  encrypt(order: { readonly id: KeyId; readonly plaintext: Uint8Array; readonly context?: Uint8Array }, call: KeyCall): Answer<Uint8Array>
  /** Decrypts what any enabled version encrypted, under the same context. */
  decrypt(order: { readonly id: KeyId; readonly ciphertext: Uint8Array; readonly context?: Uint8Array }, call: KeyCall): Answer<Uint8Array>
  /** HMAC-SHA-256, 32 bytes, under the version named or the newest. */
  mac(order: { readonly id: KeyId; readonly message: Uint8Array; readonly version?: number }, call: KeyCall): Answer<Uint8Array>
  /** Registers a child key whose secret derives from the newest version of another by a path. */
  derive(order: { readonly id: KeyId; readonly child: KeyId; readonly type: KeyType }, call: KeyCall): Answer<KeyEntry>
  /**
   * Runs a registered operator on the newest version of a key: a value of the kind that its registration says, or the 32 bytes of a digest, which is the
   * same for the same input, version and function and tells nobody anything else.
   */
  operate(order: OperatorOrder, call: KeyCall): Answer<OperatorValue>
  /** The operators of this keystore, in the order of its settings. */
  operators(call: KeyCall): Answer<readonly OperatorSpec[]>
  /** The secret of an exportable key's version as PKCS #8 or raw bytes, encrypted to `recipientKey` (X25519, HPKE base, info "keygrove/v1/key-export"). */
  exportKey(order: { readonly id: KeyId; readonly recipientKey: Uint8Array }, call: KeyCall): Answer<Uint8Array>
  /** A slice of the audit trail, at most `limit` (≤ 1,000) events from `from`. */
  audit(slice: { readonly from: number; readonly limit: number }, call: KeyCall): Answer<readonly AuditEvent[]>
  /** Reads the whole trail and checks every link of its chain. */
  verifyAudit(call: KeyCall): Answer<AuditHead>
}
