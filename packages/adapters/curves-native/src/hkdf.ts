import { Secret } from "@keygrove/base"
import { sodium, view } from "./sodium.ts"

const HASH_BYTES = 32
const BLOCK_BYTES = 64
const INNER_PAD = 0x36
const OUTER_PAD = 0x5c

/**
 * HKDF-SHA-256 (RFC 5869) without salt. Built on libsodium's incremental SHA-256 because there every intermediate value (block, hash state,
 * pseudo-random key) lies in memory of ours that is wiped, while node:crypto's `hkdfSync` and `createHmac` keep key and state until a collection.
 * @throws RangeError when `length` is not in 1 to 8160.
 */
export function hkdfSha256(secret: Secret, info: Uint8Array, length: number): Secret {
  const blocks = Math.ceil(length / HASH_BYTES)
  if (!Number.isSafeInteger(length) || length < 1 || blocks > 255) throw new RangeError(`HKDF gives 1 to 8160 bytes, asked for ${length}`)
  // RFC 5869 §2.2: a salt that is not provided is HashLen zeros.
  using extractKey = Secret.fill(HASH_BYTES, () => undefined)
  using pseudoRandomKey = secret.expose((input) => hmac(extractKey, [input]))
  using output = Secret.fill(blocks * HASH_BYTES, (target) => {
    for (let index = 0; index < blocks; index++) {
      const previous = index === 0 ? new Uint8Array(0) : target.subarray((index - 1) * HASH_BYTES, index * HASH_BYTES)
      using block = hmac(pseudoRandomKey, [previous, info, Uint8Array.of(index + 1)])
      block.expose((bytes) => target.set(bytes, index * HASH_BYTES))
    }
  })
  return output.expose((bytes) => Secret.fill(length, (target) => target.set(bytes.subarray(0, length))))
}

/** HMAC-SHA-256 (RFC 2104) under a key of any length; in memory of ours throughout, as {@link hkdfSha256}. */
export function hmacSha256(key: Secret, ...parts: readonly Uint8Array[]): Uint8Array {
  using short = key.length <= BLOCK_BYTES ? undefined : hashOf(key)
  using code = hmac(short ?? key, parts)
  return code.expose((bytes) => Uint8Array.from(bytes))
}

function hashOf(key: Secret): Secret {
  return key.expose((bytes) => Secret.fill(HASH_BYTES, (target) => sodium.crypto_hash_sha256(view(target), view(bytes))))
}

/** HMAC-SHA-256 under a key of at most a block. */
function hmac(key: Secret, parts: readonly Uint8Array[]): Secret {
  using inner = keyedHash(key, INNER_PAD, parts)
  return inner.expose((digest) => keyedHash(key, OUTER_PAD, [digest]))
}

function keyedHash(key: Secret, pad: number, parts: readonly Uint8Array[]): Secret {
  using block = key.expose((bytes) =>
    Secret.fill(BLOCK_BYTES, (target) => {
      for (let index = 0; index < BLOCK_BYTES; index++) target[index] = (bytes[index] ?? 0) ^ pad
    }),
  )
  using state = Secret.fill(sodium.crypto_hash_sha256_STATEBYTES, (bytes) => sodium.crypto_hash_sha256_init(view(bytes)))
  return state.expose((context) => {
    block.expose((bytes) => sodium.crypto_hash_sha256_update(view(context), view(bytes)))
    for (const part of parts) sodium.crypto_hash_sha256_update(view(context), view(part))
    return Secret.fill(HASH_BYTES, (target) => sodium.crypto_hash_sha256_final(view(context), view(target)))
  })
}
