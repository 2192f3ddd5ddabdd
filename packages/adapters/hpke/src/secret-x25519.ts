import { Secret, wipeableCopy, type RandomBytes } from "@keygrove/base"
import type { X25519 } from "@keygrove/crypto"
import type { SealingKey } from "@keygrove/service"
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
  /** Uses the secret; only in private handles. */
  readonly agree: SealingKey["agree"] | undefined

  constructor(publicKey: Uint8Array, agree?: SealingKey["agree"]) {
    this.publicKey = publicKey
    this.agree = agree
    this.type = agree === undefined ? "public" : "private"
  }
}

/** The handle of a secret, which is borrowed, or of a key whose secret is elsewhere. */
export function keyHandle({ x25519 }: SealingTools, key: Secret | SealingKey): KeyHandle {
  return key instanceof Secret
    ? new KeyHandle(x25519.publicKey(key), async (peer) => x25519.sharedSecret(key, peer))
    : new KeyHandle(key.publicKey, async (peer) => await key.agree(peer))
}

/** A fresh key pair for one message; disposing of it wipes the secret. */
export class KeyPairHandle implements CryptoKeyPair, Disposable {
  readonly privateKey: KeyHandle
  readonly publicKey: KeyHandle
  readonly secret: Secret

  constructor(tools: SealingTools) {
    this.secret = Secret.take(tools.random(KEY_BYTES))
    this.privateKey = keyHandle(tools, this.secret)
    this.publicKey = new KeyHandle(this.privateKey.publicKey)
  }

  [Symbol.dispose](): void {
    this.secret[Symbol.dispose]()
  }
}

/** The Diffie-Hellman group of DHKEM(X25519, HKDF-SHA256) over whatever has the secret. Serves one message; disposing of it wipes the shared secret. */
export class SecretX25519 implements DhkemPrimitives, Disposable {
  readonly #shared: Uint8Array[] = []

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
    const { agree } = handleOf(secretKey)
    if (agree === undefined) throw new TypeError("a public key has no secret")
    const exchanged = await agree(handleOf(publicKey).publicKey)
    // RFC 9180 §7.1.4: an all-zero result must not be used.
    if (!exchanged.ok) throw new RangeError(exchanged.message)
    using shared = exchanged.value
    const bytes = wipeableCopy(shared)
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
