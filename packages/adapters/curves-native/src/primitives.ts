import { createHash } from "node:crypto"
import { unreachable } from "@keygrove/base"
import { portableAesGcmSiv, type Aead, type Primitives, type SuiteName } from "@keygrove/crypto"
import { nativeAesGcm, nativeXChaCha, nativeXSalsa } from "./aead.ts"
import { nativeCurve } from "./curve.ts"
import { nativeEd25519, nativeX25519 } from "./edwards.ts"
import { hkdfSha256 } from "./hkdf.ts"

/** Every primitive of a node, by libsecp256k1, libsodium and OpenSSL; AES-256-GCM-SIV alone is JavaScript (none of them has it). */
export const nativePrimitives: Primitives = {
  implementation: "native",
  curve: nativeCurve,
  ed25519: nativeEd25519,
  x25519: nativeX25519,
  aead,
  sha256,
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

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return Uint8Array.from(hash.digest())
}
