import type { RandomBytes } from "@keygrove/base"
import { Secret } from "@keygrove/base"
import type { X25519 } from "@keygrove/crypto"
import type { DhkemPrimitives } from "@hpke/common"

const KEY_BYTES = 32

/** What the key exchange needs of its platform. */
export interface SealingTools {
  readonly x25519: X25519
  readonly random: RandomBytes
}

/**
 * A key as the library passes it around. Its own kind imports secret bytes into the platform's key store and leaves copies in memory that nobody wipes;
 * in this one the secret stays where it is.
 */
export class KeyHandle implements CryptoKey {
  readonly algorithm: KeyAlgorithm = { name: "X25519" }
  readonly extractable: boolean = false
  readonly type: KeyType
  readonly usages: KeyUsage[] = []
  readonly publicKey: Uint8Array
  /** Borrowed; only in private handles. */
  readonly secret: Secret | undefined

  constructor(publicKey: Uint8Array, secret?: Secret) {
    this.publicKey = publicKey
    this.secret = secret
    this.type = secret === undefined ? "public" : "private"
  }
}

/** A fresh key pair for one message; disposing of it wipes the secret. */
export class KeyPairHandle implements CryptoKeyPair, Disposable {
  readonly privateKey: KeyHandle
  readonly publicKey: KeyHandle
  readonly secret: Secret

  constructor({ random, x25519 }: SealingTools) {
    this.secret = Secret.take(random(KEY_BYTES))
    const publicKey = x25519.publicKey(this.secret)
    this.privateKey = new KeyHandle(publicKey, this.secret)
    this.publicKey = new KeyHandle(publicKey)
  }

  [Symbol.dispose](): void {
    this.secret[Symbol.dispose]()
  }
}

/** The Diffie-Hellman group of DHKEM(X25519, HKDF-SHA256) over the platform's X25519. Serves one message; disposing of it wipes the shared secret. */
export class SecretX25519 implements DhkemPrimitives, Disposable {
  readonly #tools: SealingTools
  readonly #shared: Uint8Array[] = []

  constructor(tools: SealingTools) {
    this.#tools = tools
  }

  async serializePublicKey(key: CryptoKey): Promise<ArrayBuffer> {
    return Uint8Array.from(handleOf(key).publicKey).buffer
  }

  async deserializePublicKey(key: ArrayBufferLike | ArrayBufferView): Promise<CryptoKey> {
    const bytes = ArrayBuffer.isView(key) ? new Uint8Array(key.buffer, key.byteOffset, key.byteLength) : new Uint8Array(key)
    if (bytes.length !== KEY_BYTES) throw new RangeError(`an X25519 key has ${KEY_BYTES} bytes, got ${bytes.length}`)
    return new KeyHandle(Uint8Array.from(bytes))
  }

  async derivePublicKey(key: CryptoKey): Promise<CryptoKey> {
    return new KeyHandle(handleOf(key).publicKey)
  }

  async dh(secretKey: CryptoKey, publicKey: CryptoKey): Promise<ArrayBuffer> {
    const { secret } = handleOf(secretKey)
    if (secret === undefined) throw new TypeError("a public key has no secret")
    const exchanged = this.#tools.x25519.sharedSecret(secret, handleOf(publicKey).publicKey)
    // RFC 9180 §7.1.4: an all-zero result must not be used.
    if (!exchanged.ok) throw new RangeError(exchanged.message)
    using shared = exchanged.value
    const bytes = shared.expose((each) => Uint8Array.from(each))
    this.#shared.push(bytes)
    return bytes.buffer
  }

  async generateKeyPair(): Promise<CryptoKeyPair> {
    throw new TypeError("key pairs are made by KeyPairHandle, which can be wiped")
  }

  async deriveKeyPair(): Promise<CryptoKeyPair> {
    throw new TypeError("key pairs are not derived")
  }

  async serializePrivateKey(): Promise<ArrayBuffer> {
    throw new TypeError("secret keys are not given out")
  }

  async deserializePrivateKey(): Promise<CryptoKey> {
    throw new TypeError("secret keys stay where they are")
  }

  async importKey(): Promise<CryptoKey> {
    throw new TypeError("secret keys stay where they are")
  }

  [Symbol.dispose](): void {
    for (const bytes of this.#shared) bytes.fill(0)
  }
}

function handleOf(key: CryptoKey): KeyHandle {
  if (key instanceof KeyHandle) return key
  throw new TypeError("not a key of this suite")
}
