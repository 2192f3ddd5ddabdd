import type { MethodSpec } from "./method-spec.ts"
import type { Json, ParamSpec } from "./params.ts"

/** Where the secret of a new key comes from: made, derived from the node's secret, sent sealed, or read by the keystore from a file. */
export type KeyOrigin = "generate" | "derive" | "import" | "file"

/** What is to hold a new key. Keys of the third backend, `preload`, are named in the node's settings. */
type AddedKeyBackend = "sealed" | "pkcs11"

type Id = Readonly<Record<"id", string>>
type MaybeVersion = { readonly version?: number }
type Changed = Id & MaybeVersion

/** Decoded parameters of the methods about named keys. Ids and types are judged by core/keys. */
export interface KeyApiParams {
  readonly "key.add": Id & {
    readonly type: string
    readonly from?: KeyOrigin
    readonly sealed?: Uint8Array
    readonly path?: string
    readonly backend?: AddedKeyBackend
    readonly exportable?: boolean
    readonly rules?: Readonly<Record<string, unknown>>
  }
  readonly "key.list": { readonly after?: string; readonly limit?: number }
  readonly "key.show": Id
  readonly "key.public": Changed
  readonly "key.sign": Id & { readonly message: Uint8Array; readonly algorithm?: string }
  readonly "key.verify": Id & { readonly message: Uint8Array; readonly signature: Uint8Array; readonly algorithm?: string }
  readonly "key.encrypt": Id & { readonly plaintext: Uint8Array; readonly context?: Uint8Array }
  readonly "key.decrypt": Id & { readonly ciphertext: Uint8Array; readonly context?: Uint8Array }
  readonly "key.agree": Id & { readonly peer: Uint8Array }
  readonly "key.mac": Changed & { readonly message: Uint8Array }
  readonly "key.derive": Id & { readonly child: string; readonly type: string }
  readonly "key.operate": Id & { readonly operator: string; readonly input?: Uint8Array }
  readonly "key.operators": Readonly<Record<never, never>>
  readonly "key.rotate": Id
  readonly "key.setRules": Id & { readonly rules: Readonly<Record<string, unknown>> }
  readonly "key.enable": Changed
  readonly "key.disable": Changed
  readonly "key.destroy": Changed
  readonly "key.export": Id & { readonly recipientKey: Uint8Array }
  readonly "audit.list": { readonly from: number; readonly limit: number }
  readonly "audit.verify": Readonly<Record<never, never>>
}

/** Longest message or plaintext of one call, in bytes. */
const MAX_MESSAGE_BYTES = 262_144
/** Format, version, salt or encapsulated key, and tag around a plaintext. */
const CIPHERTEXT_OVERHEAD_BYTES = 53

const id: ParamSpec = { type: "text", maxLength: 128, description: "the key: words of a-z, 0-9 and - with / between them, e.g. web/tls" }
const type: ParamSpec = { type: "text", maxLength: 16, description: "ed25519, x25519, secp256k1, p256, bls12-381 or aes256" }
const message: ParamSpec = { type: "base64", minBytes: 0, maxBytes: MAX_MESSAGE_BYTES, description: "what is signed, as it is" }
const algorithm: ParamSpec = {
  type: "choice",
  values: ["ed25519", "ecdsa-sha256", "bip340", "bls-g2"],
  description: "how to sign, where the type of the key leaves a choice",
  optional: true,
}
const context: ParamSpec = {
  type: "base64",
  minBytes: 0,
  maxBytes: 4_096,
  description: "bound to the ciphertext: the same bytes are needed to decrypt",
  optional: true,
}
const version: ParamSpec = { type: "integer", min: 1, max: 0xffff_ffff, description: "one version instead of the newest", optional: true }
const oneOrAll: ParamSpec = { ...version, description: "one version instead of all" }

const rulesSchema: Json = {
  type: "object",
  additionalProperties: false,
  properties: {
    allow: {
      type: "array",
      maxItems: 64,
      items: {
        type: "object",
        additionalProperties: false,
        required: ["caller", "operations"],
        properties: {
          caller: { type: "string", description: "*, node, ssh-agent, uid:N or rpc:NAME" },
          operations: { type: "array", items: { enum: ["sign", "verify", "agree", "encrypt", "decrypt", "mac", "derive", "operate"] } },
        },
      },
    },
    perMinute: { type: "integer", minimum: 1, maximum: 1_000_000 },
    confirm: { type: "boolean" },
  },
}

/** The methods about named keys and their audit trail. Binary values are base64. */
export const keyMethods: { readonly [M in keyof KeyApiParams]: MethodSpec } = {
  "key.add": {
    summary: "Makes sure that a named key exists; one that does is left as it is.",
    params: {
      id,
      type,
      from: { type: "choice", values: ["generate", "derive", "import", "file"], description: "generate by default", optional: true },
      sealed: {
        type: "base64",
        minBytes: 49,
        maxBytes: 65_536,
        description: "for import: the secret in any form, sealed to `sealing` of node.identity (HPKE base, info keygrove/v1/key-import)",
        optional: true,
      },
      path: {
        type: "text",
        maxLength: 4_096,
        description: "for file: absolute path of a file that only its owner may read",
        optional: true,
      },
      backend: {
        type: "choice",
        values: ["sealed", "pkcs11"],
        description: "what holds it: the keystore, which is the default, or the token of the settings, where it is generated",
        optional: true,
      },
      exportable: { type: "boolean", description: "whether the secret may ever leave; false by default", optional: true },
      rules: { type: "object", schema: rulesSchema, description: "who may do what, how often; everything by default", optional: true },
    },
  },
  "key.list": {
    summary: "Named keys in the order of their ids, without their secrets.",
    params: {
      after: { ...id, description: "`next` of the answer before", optional: true },
      limit: { type: "integer", min: 1, max: 500, description: "keys at most, 500 by default; an answer may have fewer", optional: true },
    },
  },
  "key.show": { summary: "One named key, without its secret.", params: { id } },
  "key.public": { summary: "The public part of one version of a key.", params: { id, version } },
  "key.sign": { summary: "Signs with the newest version.", params: { id, message, algorithm } },
  "key.verify": {
    summary: "Whether any enabled version made a signature.",
    params: {
      id,
      message,
      signature: { type: "base64", minBytes: 0, maxBytes: 1_024, description: "what key.sign answered" },
      algorithm,
    },
  },
  "key.encrypt": {
    summary: "Encrypts under the newest version of an aes256 or x25519 key.",
    params: { id, plaintext: { type: "base64", minBytes: 0, maxBytes: MAX_MESSAGE_BYTES, description: "what to encrypt" }, context },
  },
  "key.decrypt": {
    summary: "Decrypts what any enabled version encrypted.",
    params: {
      id,
      ciphertext: {
        type: "base64",
        minBytes: 0,
        maxBytes: MAX_MESSAGE_BYTES + CIPHERTEXT_OVERHEAD_BYTES,
        description: "what key.encrypt answered",
      },
      context,
    },
  },
  "key.agree": {
    summary: "Diffie-Hellman with a peer's public key.",
    params: { id, peer: { type: "base64", minBytes: 32, maxBytes: 33, description: "32 bytes for x25519, 33 for secp256k1 and p256" } },
  },
  "key.mac": {
    summary: "HMAC-SHA-256 under an aes256 key.",
    params: { id, message: { ...message, description: "what is authenticated" }, version },
  },
  "key.derive": {
    summary: "Makes sure that a child key exists whose secret comes from the newest version of another.",
    params: { id, child: { ...id, description: "id of the child" }, type },
  },
  "key.operate": {
    summary: "Runs an operator of the node's configuration on the newest version of a key.",
    params: {
      id,
      operator: { type: "text", maxLength: 32, description: "the operator, as key.operators names it" },
      input: {
        type: "base64",
        minBytes: 0,
        maxBytes: 65_536,
        description: "what the function is given; nothing by default",
        optional: true,
      },
    },
  },
  "key.operators": { summary: "The operators of the node's configuration, and what each may be used on.", params: {} },
  "key.rotate": { summary: "Adds a version with a fresh secret; it is the newest from then on.", params: { id } },
  "key.setRules": {
    summary: "Puts other rules in the place of all that a key has.",
    params: {
      id,
      rules: { type: "object", schema: rulesSchema, description: "who may do what, how often; an empty object allows everything" },
    },
  },
  "key.enable": { summary: "Lets disabled versions work again.", params: { id, version: oneOrAll } },
  "key.disable": { summary: "Lets versions do nothing until they are enabled.", params: { id, version: oneOrAll } },
  "key.destroy": { summary: "Wipes the secrets of versions for ever.", params: { id, version: oneOrAll } },
  "key.export": {
    summary: "The newest secret of a key that was made exportable, sealed to the caller.",
    params: { id, recipientKey: { type: "base64", minBytes: 32, maxBytes: 32, description: "ephemeral X25519 public key of the caller" } },
  },
  "audit.list": {
    summary: "Events of the audit trail of named keys.",
    params: {
      from: { type: "integer", min: 0, max: Number.MAX_SAFE_INTEGER, description: "index of the first event" },
      limit: { type: "integer", min: 1, max: 1_000, description: "events at most" },
    },
  },
  "audit.verify": { summary: "Checks every link of the audit trail.", params: {} },
}
