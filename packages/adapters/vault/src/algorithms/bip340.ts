import { Secret, utf8, concatBytes } from "@keygrove/base"
import { SCALAR_BYTES, type Point, type Scalar } from "@keygrove/crypto"
import { schnorr } from "@noble/curves/secp256k1.js"
import type { AlgorithmTools } from "./algorithm.ts"

/** Tagged hash prefixes: SHA-256(tag) twice, one block. */
interface Tags {
  readonly aux: Uint8Array
  readonly nonce: Uint8Array
  readonly challenge: Uint8Array
}

/** n − 1, so that multiplying by it negates. */
const MINUS_ONE = Uint8Array.from(Buffer.from("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140", "hex"))
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
/** A nonce out of range has probability 2⁻¹²⁸; the limit only bounds the loop. */
const MAX_ATTEMPTS = 16

/**
 * Schnorr signatures over secp256k1 (BIP 340): composed of the curve's own operations, because the native binding has no Schnorr and the libraries
 * that have it keep the secret in BigInts or in memory that cannot be wiped.
 */
export class Bip340 {
  readonly #tools: AlgorithmTools
  readonly #tags: Tags

  constructor(tools: AlgorithmTools) {
    this.#tools = tools
    const { sha256 } = tools.primitives
    const tag = (name: string): Uint8Array => {
      const hash = sha256(utf8(`BIP0340/${name}`))
      return concatBytes(hash, hash)
    }
    this.#tags = { aux: tag("aux"), nonce: tag("nonce"), challenge: tag("challenge") }
  }

  /** Signs a message of any length; 64 bytes. `auxiliary` is 32 random bytes, given only by tests. */
  sign(secret: Secret, message: Uint8Array, auxiliary?: Uint8Array): Uint8Array {
    const { curve } = this.#tools.primitives
    const point = curve.basePointTimesSecret(secret)
    using d = this.#withEvenY(secret, point)
    const x = xOf(curve.encodePoint(point))
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      using nonce = this.#nonce(d, x, message, auxiliary ?? this.#tools.random(32))
      if (!curve.isScalar(nonce)) continue
      const commitment = curve.basePointTimesSecret(nonce)
      using k = this.#withEvenY(nonce, commitment)
      const r = xOf(curve.encodePoint(commitment))
      const signature = concatBytes(r, this.#response(d, k, this.#challenge(r, x, message)))
      // BIP 340 asks for it: a faulty computation must not leave, since two signatures that differ by a fault give the key away.
      if (!schnorr.verify(signature, message, x)) throw new TypeError("a signature just made does not hold; the machine computes wrongly")
      return signature
    }
    throw new RangeError(`no nonce among ${MAX_ATTEMPTS} candidates; the hash is broken`)
  }

  /** Whether a signature holds for a compressed public key, 33 bytes; the sign of y does not count. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    if (signature.length !== 64 || publicKey.length !== 33) return false
    try {
      return schnorr.verify(signature, message, xOf(publicKey))
    } catch {
      // The library throws for what is no point.
      return false
    }
  }

  /** t = d ⊕ H(aux); k = H(t ‖ P ‖ m). */
  #nonce(d: Secret, x: Uint8Array, message: Uint8Array, auxiliary: Uint8Array): Secret {
    const { sha256 } = this.#tools.primitives
    const mask = sha256(this.#tags.aux, auxiliary)
    using t = d.expose((bytes) =>
      Secret.fill(SCALAR_BYTES, (target) => {
        for (let index = 0; index < SCALAR_BYTES; index++) target[index] = (bytes[index] ?? 0) ^ (mask[index] ?? 0)
      }),
    )
    return Secret.take(t.expose((bytes) => sha256(this.#tags.nonce, bytes, x, message)))
  }

  /** e = H(R ‖ P ‖ m) mod n, public. */
  #challenge(r: Uint8Array, x: Uint8Array, message: Uint8Array): Uint8Array {
    const hash = this.#tools.primitives.sha256(this.#tags.challenge, r, x, message)
    const reduced = BigInt(`0x${Buffer.from(hash).toString("hex")}`) % ORDER
    return Uint8Array.from(Buffer.from(reduced.toString(16).padStart(64, "0"), "hex"))
  }

  /** s = k + e·d mod n. */
  #response(d: Secret, k: Secret, e: Uint8Array): Scalar {
    const { curve } = this.#tools.primitives
    using challenge = Secret.take(Uint8Array.from(e))
    // A challenge of zero, with probability 2⁻²⁵⁶, leaves the nonce alone: s = k would give it away together with nothing, but is still not a response.
    if (!curve.isScalar(challenge)) throw new RangeError("the challenge is zero; the hash is broken")
    using product = curve.multiplySecrets(challenge, d)
    using sum = curve.addSecrets(k, product)
    if (sum === undefined) throw new RangeError("the response is zero; the hash is broken")
    return sum.expose((bytes) => Uint8Array.from(bytes) as Scalar)
  }

  /** The scalar whose point has an even y: the one given, or its negative. Which one it is, the public key tells anyway. */
  #withEvenY(scalar: Secret, point: Point): Secret {
    const { curve } = this.#tools.primitives
    using sign = Secret.take(curve.encodePoint(point)[0] === 3 ? Uint8Array.from(MINUS_ONE) : one())
    return curve.multiplySecrets(sign, scalar)
  }
}

function one(): Uint8Array {
  const bytes = new Uint8Array(SCALAR_BYTES)
  bytes[SCALAR_BYTES - 1] = 1
  return bytes
}

/** x coordinate of a compressed point. */
function xOf(compressed: Uint8Array): Uint8Array {
  return compressed.subarray(1)
}
