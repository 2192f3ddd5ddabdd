import { createHash } from "node:crypto"
import { unreachable } from "@keygrove/base"
import { portableAesGcmSiv, type Aead, type Primitives, type SuiteName } from "@keygrove/crypto"
import { nativeAesGcm, nativeXChaCha, nativeXSalsa } from "./aead.ts"
import { nativeCurve } from "./curve.ts"
import { nativeEd25519, nativeX25519 } from "./edwards.ts"
import { hkdfSha256, hmacSha256 } from "./hkdf.ts"
import { sodium } from "./sodium.ts"

/** Every primitive of a node, by libsecp256k1, libsodium and OpenSSL; AES-256-GCM-SIV alone is JavaScript (none of them has it). */
export const nativePrimitives: Primitives = {
  implementation: "native",
  curve: nativeCurve,
  ed25519: nativeEd25519,
  x25519: nativeX25519,
  aead,
  sha256,
  hmacSha256,
  hkdf: hkdfSha256,
}

function aead(suite: SuiteName): Aead {
  switch (suite) {
    case "aes-256-gcm":
      return nativeAesGcm
    case "aes-256-gcm-siv":
      return portableAesGcmSiv
    case "xchacha20-poly1305":
      return nativeXChaCha
    case "xsalsa20-poly1305":
      return nativeXSalsa
    default:
      return unreachable(suite)
  }
}

/** Up to here libsodium is faster, because a call costs less; for more, OpenSSL with the processor's own instructions. */
const SHORT_BYTES = 1_024
const joined = Buffer.alloc(SHORT_BYTES)

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  return length > SHORT_BYTES ? longHash(parts) : shortHash(parts, length)
}

function shortHash(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = parts
  if (parts.length === 1 && first !== undefined) return hashOne(first)
  // Copying a few bytes is cheaper than three more calls.
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  const input = joined.subarray(0, length)
  const digest = hashOne(input)
  // Some callers hash shared secrets.
  input.fill(0)
  return digest
}

/** Where the binding writes: of a small array, which lies in the heap, it would have a copy made outside first. */
const hashed = Buffer.alloc(sodium.crypto_hash_sha256_BYTES)

function hashOne(input: Uint8Array): Uint8Array {
  sodium.crypto_hash_sha256(hashed, input)
  const digest = new Uint8Array(hashed)
  hashed.fill(0)
  return digest
}

function longHash(parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return Uint8Array.from(hash.digest())
}
