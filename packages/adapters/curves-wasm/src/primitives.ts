import { hkdf } from "@noble/hashes/hkdf.js"
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 as hash } from "@noble/hashes/sha2.js"
import { Secret, unreachable } from "@keygrove/base"
import {
  portableAesGcm,
  portableAesGcmSiv,
  portableXChaCha,
  portableXSalsa,
  type Aead,
  type Primitives,
  type SuiteName,
} from "@keygrove/crypto"
import { wasmCurve } from "./curve.ts"
import { portableEd25519, portableX25519 } from "./edwards.ts"

/** Every primitive of browsers and of platforms without prebuilt bindings: secp256k1 by WebAssembly, the rest in JavaScript. */
export const portablePrimitives: Primitives = {
  implementation: "portable",
  curve: wasmCurve,
  ed25519: portableEd25519,
  x25519: portableX25519,
  aead,
  sha256,
  hmacSha256: (key, ...parts) => {
    const state = key.expose((bytes) => hmac.create(hash, bytes))
    for (const part of parts) state.update(part)
    const code = state.digest()
    state.destroy()
    return code
  },
  hkdf: (secret, info, length) => Secret.take(secret.expose((bytes) => hkdf(hash, bytes, undefined, info, length))),
}

function aead(suite: SuiteName): Aead {
  switch (suite) {
    case "aes-256-gcm":
      return portableAesGcm
    case "aes-256-gcm-siv":
      return portableAesGcmSiv
    case "xchacha20-poly1305":
      return portableXChaCha
    case "xsalsa20-poly1305":
      return portableXSalsa
    default:
      return unreachable(suite)
  }
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const state = hash.create()
  for (const part of parts) state.update(part)
  return state.digest()
}
