import { ok, refuse, type Refusal, type Result, type Secret } from "@keygrove/base"
import type { KeyType } from "@keygrove/keys"
import type { HeldKey, KeyBackend, KeyBackendTraits } from "@keygrove/service"
import type { KeyAlgorithm } from "../algorithms/algorithm.ts"
import type { Sweeper } from "../algorithms/sweeper.ts"
import { generateSecret } from "../key-secrets.ts"
import { decryptWithSecret, encryptWithSecret, type SecretCipherTools } from "./secret-cipher.ts"
import type { SecretShelf } from "./secret-shelf.ts"

/** What a {@link SecretBackend} works with, besides its shelf. */
export interface SecretBackendTools extends SecretCipherTools {
  readonly algorithms: Readonly<Record<KeyType, KeyAlgorithm>>
  readonly sweeper: Sweeper
}

/**
 * A backend in this process: each use takes the secret from the shelf, uses it at once and wipes it. Every use takes microseconds, so that none stalls another.
 */
export class SecretBackend implements KeyBackend {
  readonly traits: KeyBackendTraits
  readonly #shelf: SecretShelf
  readonly #tools: SecretBackendTools

  constructor(tools: SecretBackendTools, shelf: SecretShelf) {
    this.traits = shelf.traits
    this.#tools = tools
    this.#shelf = shelf
  }

  create: KeyBackend["create"] = async ({ secret: given, ...key }, { signal }) => {
    signal.throwIfAborted()
    const algorithm = this.#tools.algorithms[key.type]
    using secret = given?.copy() ?? generateSecret(this.#tools.random, key.type, algorithm)
    const publicKey = algorithm.publicKey(secret)
    this.#sweepAfter(key.type)
    return ok({ publicKey, handle: this.#shelf.put({ ...key, publicKey }, secret) })
  }

  check: KeyBackend["check"] = async (key, { signal }) => {
    signal.throwIfAborted()
    return this.withSecret(key, () => true as const)
  }

  sign: KeyBackend["sign"] = async (key, { algorithm, message }, { signal }) => {
    signal.throwIfAborted()
    const { sign } = this.#tools.algorithms[key.type]
    return sign === undefined ? unsupported(key, "sign") : this.withSecret(key, (secret) => sign(secret, message, algorithm))
  }

  agree: KeyBackend["agree"] = async (key, peer, { signal }) => {
    signal.throwIfAborted()
    const { agree } = this.#tools.algorithms[key.type]
    if (agree === undefined) return unsupported(key, "agree")
    const shared = this.withSecret(key, (secret) => agree(secret, peer))
    return shared.ok ? shared.value : shared
  }

  encrypt: KeyBackend["encrypt"] = async (key, order, { signal }) => {
    signal.throwIfAborted()
    if (key.type !== "aes256") return unsupported(key, "encrypt")
    return this.withSecret(key, (secret) => encryptWithSecret(this.#tools, secret, order))
  }

  decrypt: KeyBackend["decrypt"] = async (key, order, { signal }) => {
    signal.throwIfAborted()
    if (key.type !== "aes256") return unsupported(key, "decrypt")
    const opened = this.withSecret(key, (secret) => decryptWithSecret(this.#tools, secret, order))
    return opened.ok ? opened.value : opened
  }

  mac: KeyBackend["mac"] = async (key, message, { signal }) => {
    signal.throwIfAborted()
    if (key.type !== "aes256") return unsupported(key, "mac")
    return this.withSecret(key, (secret) => this.#tools.primitives.hmacSha256(secret, message))
  }

  destroy: KeyBackend["destroy"] = async (key, { signal }) => {
    signal.throwIfAborted()
    this.#shelf.drop(key)
    return ok(true)
  }

  withSecret<T>(key: HeldKey, use: (secret: Secret) => T): Result<T, "KEY_RECORD_INVALID"> {
    const taken = this.#shelf.take(key)
    if (!taken.ok) return taken
    using secret = taken.value
    this.#sweepAfter(key.type)
    return ok(use(secret))
  }

  #sweepAfter(type: KeyType): void {
    if (this.#tools.algorithms[type].residue === "until-collected") this.#tools.sweeper.soon()
  }
}

function unsupported({ type }: HeldKey, operation: string): Refusal<"KEY_BACKEND_UNSUPPORTED"> {
  return refuse("KEY_BACKEND_UNSUPPORTED", `a key of type ${type} cannot ${operation}`)
}
