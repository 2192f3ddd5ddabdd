import type { Secret } from "@keygrove/base"
import { AnswerFields } from "../rpc/fields.ts"
import {
  decodeAuditedUse,
  decodeNamedKey,
  decodeVersion,
  type AuditedUse,
  type NamedKey,
  type NamedKeyRules,
  type NamedKeyType,
  type NamedKeyVersion,
} from "./named-key.ts"

import { decodeOperator, decodeOperatorResult, type OperatorDescription, type OperatorResult } from "./operators.ts"

/** Sends one call to the node and gives its answer; throws what the node refuses. */
export type KeyCaller = (method: string, params: object, options: KeyOptions) => Promise<unknown>

export interface KeyOptions {
  /** Ends the call; what was under way on the node may still complete there. */
  readonly signal?: AbortSignal
}

export interface VersionOptions extends KeyOptions {
  /** One version; the newest, or for changes of state all of them, when none is named. */
  readonly version?: number
}

export interface SignatureOptions extends KeyOptions {
  /** `ecdsa-sha256` (default) or `bip340` with secp256k1; other types leave no choice. */
  readonly algorithm?: string
}

export interface ContextOptions extends KeyOptions {
  /** At most 4 KiB that are bound to the ciphertext: the same are needed to decrypt. */
  readonly context?: Uint8Array
}

/** "Make sure that this key exists." */
export interface KeyOrder {
  /** Words of a-z, 0-9 and - with `/` between them, e.g. `web/tls`. */
  readonly id: string
  readonly type: NamedKeyType
  /**
   * Where its secret comes from: made at random (the default), derived from the node's secret by the key's id, read by the keystore from a file that
   * only its owner may read, or given. A given secret, in hex, base64, PEM (PKCS #8), JWK or OpenSSH form or as raw bytes, is borrowed and
   * sealed before it leaves this process.
   */
  readonly from?: "generate" | "derive" | { readonly file: string } | { readonly secret: Secret }
  /** What holds it: the keystore (`sealed`), or the token of the node's settings (`pkcs11`), where it is generated. */
  readonly backend?: "sealed" | "pkcs11"
  /** Whether the secret may ever leave. False unless said, and fixed for the key's life. */
  readonly exportable?: boolean
  readonly rules?: NamedKeyRules
}

/** What {@link Keys.sign} gives. */
export interface MadeSignature {
  readonly signature: Uint8Array
  readonly algorithm: string
  /** Which version of the key signed. */
  readonly version: number
}

/** Keys in one answer of the node, events of the audit trail likewise. */
const PAGE = { keys: 500, events: 1_000 } as const

/**
 * The named keys of a node: registered once, used by their id, never handed out. Messages and plaintexts have at most 256 KiB. Every method
 * throws `KeygroveError` with a code of docs/errors.md, and every use is in the node's audit trail.
 */
export class Keys {
  readonly #call: KeyCaller

  constructor(call: KeyCaller) {
    this.#call = call
  }

  /** Makes sure that a key exists. One that does, with the same type, is left as it is; `created` says which it was. */
  async add(order: KeyOrder, options: KeyOptions = {}): Promise<{ readonly key: NamedKey; readonly created: boolean }> {
    const { backend, exportable, from = "generate", id, rules, type } = order
    const source =
      typeof from === "string" ? { from } : "file" in from ? { from: "file", path: from.file } : await this.#sealed(from, options)
    const answer = await this.#ask("key.add", { id, type, ...source, ...defined({ backend, exportable, rules }) }, options)
    return { key: decodeNamedKey(answer), created: answer.boolean("created") }
  }

  /** All keys in the order of their ids. */
  async *list(options: KeyOptions = {}): AsyncGenerator<NamedKey, void, undefined> {
    let after: string | undefined
    do {
      const page: AnswerFields = await this.#ask("key.list", { limit: PAGE.keys, ...defined({ after }) }, options)
      yield* page.objects("keys").map(decodeNamedKey)
      after = page.optionalText("next")
    } while (after !== undefined)
  }

  /** One key, without its secret. */
  async show(id: string, options: KeyOptions = {}): Promise<NamedKey> {
    return decodeNamedKey(await this.#ask("key.show", { id }, options))
  }

  /** The public part of the newest version, or of the one that is named. Symmetric keys have none. */
  async public(id: string, options: VersionOptions = {}): Promise<NamedKeyVersion & { readonly id: string; readonly type: string }> {
    const answer = await this.#ask("key.public", { id, ...defined({ version: options.version }) }, options)
    return { id: answer.text("id"), type: answer.text("type"), ...decodeVersion(answer) }
  }

  /** Signs a message with the newest version; the algorithm hashes it. */
  async sign(id: string, message: Uint8Array, options: SignatureOptions = {}): Promise<MadeSignature> {
    const params = { id, message: toBase64(message), ...defined({ algorithm: options.algorithm }) }
    const answer = await this.#ask("key.sign", params, options)
    return { signature: answer.bytes("signature"), algorithm: answer.text("algorithm"), version: answer.number("version") }
  }

  /** The version that made a signature of a message; `undefined` when no enabled version did. */
  async verify(id: string, message: Uint8Array, signature: Uint8Array, options: SignatureOptions = {}): Promise<number | undefined> {
    const params = { id, message: toBase64(message), signature: toBase64(signature), ...defined({ algorithm: options.algorithm }) }
    const answer = await this.#ask("key.verify", params, options)
    return answer.boolean("valid") ? answer.number("version") : undefined
  }

  /** Encrypts under the newest version of an aes256 or x25519 key. The ciphertext names its version. */
  async encrypt(id: string, plaintext: Uint8Array, options: ContextOptions = {}): Promise<Uint8Array> {
    const params = { id, plaintext: toBase64(plaintext), ...contextOf(options) }
    return (await this.#ask("key.encrypt", params, options)).bytes("ciphertext")
  }

  /** Decrypts what any enabled version encrypted, under the same context. */
  async decrypt(id: string, ciphertext: Uint8Array, options: ContextOptions = {}): Promise<Uint8Array> {
    const params = { id, ciphertext: toBase64(ciphertext), ...contextOf(options) }
    return (await this.#ask("key.decrypt", params, options)).bytes("plaintext")
  }

  /** Diffie-Hellman with a peer's public key (32 bytes for x25519, 33 for secp256k1 and p256): the 32 bytes of the shared x coordinate. */
  async agree(id: string, peer: Uint8Array, options: KeyOptions = {}): Promise<Uint8Array> {
    return (await this.#ask("key.agree", { id, peer: toBase64(peer) }, options)).bytes("shared")
  }

  /** HMAC-SHA-256 of a message under an aes256 key, 32 bytes. */
  async mac(id: string, message: Uint8Array, options: VersionOptions = {}): Promise<Uint8Array> {
    const params = { id, message: toBase64(message), ...defined({ version: options.version }) }
    return (await this.#ask("key.mac", params, options)).bytes("mac")
  }

  /**
   * Runs an operator of the node's configuration on a key, with an input of at most 64 KiB: a value of the operator's kind, or the 32 bytes of a digest.
   */
  async operate(id: string, operator: string, input: Uint8Array = new Uint8Array(0), options: KeyOptions = {}): Promise<OperatorResult> {
    const answer = await this.#ask("key.operate", { id, operator, input: toBase64(input) }, options)
    return decodeOperatorResult(answer)
  }

  /** The operators of the node's configuration. */
  async operators(options: KeyOptions = {}): Promise<readonly OperatorDescription[]> {
    return (await this.#ask("key.operators", {}, options)).objects("operators").map(decodeOperator)
  }

  /** Makes sure that a child key exists whose secret comes from the newest version of another key by the child's id. */
  async derive(
    order: { readonly id: string; readonly child: string; readonly type: NamedKeyType },
    options: KeyOptions = {},
  ): Promise<NamedKey> {
    return decodeNamedKey(await this.#ask("key.derive", { ...order }, options))
  }

  /** Adds a version that signs and encrypts from now on; older ones go on verifying and decrypting. */
  async rotate(id: string, options: KeyOptions = {}): Promise<NamedKey> {
    return decodeNamedKey(await this.#ask("key.rotate", { id }, options))
  }

  /** Puts other rules in the place of all that the key has; `{}` lets every caller do everything. */
  async setRules(id: string, rules: NamedKeyRules, options: KeyOptions = {}): Promise<NamedKey> {
    return decodeNamedKey(await this.#ask("key.setRules", { id, rules }, options))
  }

  /** Lets a disabled version, or all, work again. */
  async enable(id: string, options: VersionOptions = {}): Promise<NamedKey> {
    return await this.#change("key.enable", id, options)
  }

  /** Lets a version, or all, do nothing until it is enabled. */
  async disable(id: string, options: VersionOptions = {}): Promise<NamedKey> {
    return await this.#change("key.disable", id, options)
  }

  /** Wipes the secret of a version, or of all, for ever. */
  async destroy(id: string, options: VersionOptions = {}): Promise<NamedKey> {
    return await this.#change("key.destroy", id, options)
  }

  /** The secret of a key that was made exportable: 32 bytes that belong to the caller. They cross to this process sealed. */
  async export(id: string, options: KeyOptions = {}): Promise<Secret> {
    const { openExport } = await import("./sealed-secrets.ts")
    return await openExport(async (recipientKey) =>
      (await this.#ask("key.export", { id, recipientKey: toBase64(recipientKey) }, options)).bytes("sealed"),
    )
  }

  /** The uses of keys in order, from an index on. */
  async *audit(options: KeyOptions & { readonly from?: number } = {}): AsyncGenerator<AuditedUse, void, undefined> {
    let from = options.from ?? 0
    for (;;) {
      const page = await this.#ask("audit.list", { from, limit: PAGE.events }, options)
      const events = page.objects("events").map(decodeAuditedUse)
      yield* events
      if (events.length === 0) return
      from += events.length
    }
  }

  /** Checks every link of the audit trail; how many events it has and the hash (64 hex digits) that covers them all. */
  async verifyAudit(options: KeyOptions = {}): Promise<{ readonly length: number; readonly head: string }> {
    const answer = await this.#ask("audit.verify", {}, options)
    return { length: answer.number("length"), head: answer.text("head") }
  }

  async #change(method: string, id: string, options: VersionOptions): Promise<NamedKey> {
    return decodeNamedKey(await this.#ask(method, { id, ...defined({ version: options.version }) }, options))
  }

  async #sealed({ secret }: { readonly secret: Secret }, options: KeyOptions): Promise<object> {
    const { sealForImport } = await import("./sealed-secrets.ts")
    const identity = await this.#ask("node.identity", {}, options)
    const sealingKey = Buffer.from(identity.object("keys").text("sealing"), "hex")
    return { from: "import", sealed: toBase64(await sealForImport(sealingKey, secret)) }
  }

  async #ask(method: string, params: object, { signal }: KeyOptions): Promise<AnswerFields> {
    return new AnswerFields(method, await this.#call(method, params, signal === undefined ? {} : { signal }))
  }
}

function contextOf({ context }: ContextOptions): object {
  return context === undefined ? {} : { context: toBase64(context) }
}

/** The fields that have a value: a parameter that is `undefined` would not be one. */
function defined(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")
}
