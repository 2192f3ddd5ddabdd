/** One secret in the life of a key, without the secret. */
export interface KeyVersionFacts {
  readonly version: number
  readonly state: "enabled" | "disabled" | "destroyed"
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Base64; null for symmetric keys. */
  readonly publicKey: string | null
  /** First 16 hex digits of the SHA-256 of the public key; null for symmetric keys. */
  readonly fingerprint: string | null
}

/**
 * A named key, as `key.add`, `key.list`, `key.show`, `key.derive`, `key.rotate`, `key.setRules`, `key.enable`, `key.disable` and
 * `key.destroy` answer.
 */
export interface KeyFacts {
  readonly id: string
  readonly type: string
  /** That of the newest version. */
  readonly state: "enabled" | "disabled" | "destroyed"
  /** What holds it: the keystore, its memory until the next start, or a token. */
  readonly backend: "sealed" | "preload" | "pkcs11"
  readonly source: "generated" | "imported" | "derived"
  readonly exportable: boolean
  readonly rules: KeyRuleFacts
  /** In order; the last is the newest. */
  readonly versions: readonly KeyVersionFacts[]
}

/** Rules of a key; without `allow`, every caller may do everything. */
export interface KeyRuleFacts {
  readonly allow?: readonly { readonly caller: string; readonly operations: readonly string[] }[]
  readonly perMinute?: number
  readonly confirm?: boolean
}

/** Answer of `key.add`. */
export interface AddedKey extends KeyFacts {
  /** False when the key existed and was left as it is. */
  readonly created: boolean
}

/** Answer of `key.list`. */
export interface KeyPage {
  readonly keys: readonly KeyFacts[]
  /** What to give as `after` for the next page; null when this was the last. */
  readonly next: string | null
}

/** Answer of `key.public`. */
export interface PublicKeyFacts extends KeyVersionFacts {
  readonly id: string
  readonly type: string
}

/** Answer of `key.sign`. */
export interface SignatureFacts {
  /** Base64. */
  readonly signature: string
  readonly algorithm: string
  readonly version: number
}

/** Answer of `key.verify`. */
export interface VerificationFacts {
  readonly valid: boolean
  /** The version that made the signature; null when none did. */
  readonly version: number | null
}

/** Answer of `key.operate`. */
export type OperatorResultFacts =
  | { readonly value: boolean | number | string }
  /** Base64, 32 bytes. */
  | { readonly digest: string }

/** Answer of `key.operators`. */
export interface OperatorList {
  readonly operators: readonly OperatorFacts[]
}

/** An operator: what it is used on and what it gives. */
export interface OperatorFacts {
  readonly name: string
  readonly types: readonly string[]
  /** Ids, `totp/*` for all below `totp/`, or `*`. */
  readonly keys: readonly string[]
  readonly output: {
    readonly kind: "boolean" | "integer" | "choice" | "digest"
    readonly max?: number
    readonly names?: readonly string[]
  }
  /** Uses a minute of one key. */
  readonly perMinute: number
}

/** Answer of `audit.list`. */
export interface AuditPage {
  readonly events: readonly AuditEventFacts[]
}

/** One use of a key: never its content. */
export interface AuditEventFacts {
  readonly index: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly caller: string
  readonly key: string
  readonly action: string
  /** Which operator was to run; only for `operate`. */
  readonly operator?: string
  /** `ok`, or the code of the refusal. */
  readonly outcome: string
}

/** Answer of `audit.verify`. */
export interface AuditHeadFacts {
  /** Events in the trail. */
  readonly length: number
  /** 64 hex digits. */
  readonly head: string
}
