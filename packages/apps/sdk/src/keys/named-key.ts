import type { AnswerFields } from "../rpc/fields.ts"

/** `ed25519`, `x25519`, `secp256k1`, `p256`, `bls12-381` or `aes256`. */
export type NamedKeyType = "ed25519" | "x25519" | "secp256k1" | "p256" | "bls12-381" | "aes256"

/** Who may do what with a key, and how often; without `allow`, every caller may do everything. */
export interface NamedKeyRules {
  readonly allow?: readonly {
    /** `*`, `node`, `ssh-agent`, `uid:N` or `rpc:NAME`. */
    readonly caller: string
    /** Of sign, verify, agree, encrypt, decrypt, mac, derive and operate. */
    readonly operations: readonly string[]
  }[]
  /** Uses a minute, of all callers together. */
  readonly perMinute?: number
  /** Whether a person must confirm each use on the terminal of the agent for ssh. */
  readonly confirm?: boolean
}

/** One secret in the life of a key, without the secret. */
export interface NamedKeyVersion {
  /** From 1. */
  readonly version: number
  /** `enabled`, `disabled` or `destroyed`. */
  readonly state: string
  readonly createdAt: Date
  /** `undefined` for symmetric keys. */
  readonly publicKey: Uint8Array | undefined
  /** First 16 hex digits of the SHA-256 of the public key; `undefined` for symmetric keys. */
  readonly fingerprint: string | undefined
}

/** A key of the keystore, without its secret. */
export interface NamedKey {
  readonly id: string
  readonly type: string
  /** That of the newest version: `enabled`, `disabled` or `destroyed`. */
  readonly state: string
  /** What holds it: `sealed`, `preload` or `pkcs11`. */
  readonly backend: string
  /** `generated`, `imported` or `derived`. */
  readonly source: string
  readonly exportable: boolean
  readonly rules: NamedKeyRules
  /** In order; the last is the newest. */
  readonly versions: readonly NamedKeyVersion[]
}

/** One use of a key: who, what and with which outcome, never with what content. */
export interface AuditedUse {
  /** Place in the trail, from 0. */
  readonly index: number
  readonly at: Date
  readonly caller: string
  readonly key: string
  readonly action: string
  /** Which operator was to run; `undefined` for everything else than `operate`. */
  readonly operator: string | undefined
  /** `ok`, or the code of the refusal. */
  readonly outcome: string
}

/** Reads a key of an answer. */
export function decodeNamedKey(fields: AnswerFields): NamedKey {
  return {
    id: fields.text("id"),
    type: fields.text("type"),
    state: fields.text("state"),
    backend: fields.text("backend"),
    source: fields.text("source"),
    exportable: fields.boolean("exportable"),
    rules: decodeRules(fields.object("rules")),
    versions: fields.objects("versions").map(decodeVersion),
  }
}

/** Reads a version of a key. */
export function decodeVersion(fields: AnswerFields): NamedKeyVersion {
  const publicKey = fields.get("publicKey")
  return {
    version: fields.number("version"),
    state: fields.text("state"),
    createdAt: new Date(fields.number("createdAt")),
    publicKey: publicKey === null ? undefined : fields.bytes("publicKey"),
    fingerprint: fields.optionalText("fingerprint"),
  }
}

/** Reads an event of the audit trail. */
export function decodeAuditedUse(fields: AnswerFields): AuditedUse {
  return {
    index: fields.number("index"),
    at: new Date(fields.number("at")),
    caller: fields.text("caller"),
    key: fields.text("key"),
    action: fields.text("action"),
    operator: fields.optionalText("operator"),
    outcome: fields.text("outcome"),
  }
}

function decodeRules(fields: AnswerFields): NamedKeyRules {
  const allow = fields.get("allow")
  return {
    ...(allow === undefined
      ? {}
      : { allow: fields.objects("allow").map((rule) => ({ caller: rule.text("caller"), operations: rule.texts("operations") })) }),
    ...(fields.get("perMinute") === undefined ? {} : { perMinute: fields.number("perMinute") }),
    ...(fields.get("confirm") === undefined ? {} : { confirm: fields.boolean("confirm") }),
  }
}
