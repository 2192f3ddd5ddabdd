import { createPrivateKey, createPublicKey, diffieHellman, ECDH, sign, verify, type KeyObject } from "node:crypto"
import { ok, refuse, Secret } from "@keygrove/base"
import type { KeyAlgorithm } from "./algorithm.ts"

const CURVE = "prime256v1"
const SCALAR_BYTES = 32
/** RFC 5915 ECPrivateKey without its public part: SEQUENCE { 1, OCTET STRING (32), [0] prime256v1 }. */
const SEC1_HEAD = Uint8Array.from(Buffer.from("30310201010420", "hex"))
const SEC1_TAIL = Uint8Array.from(Buffer.from("a00a06082a8648ce3d030107", "hex"))
/** RFC 5480 SubjectPublicKeyInfo of a compressed point on prime256v1. */
const SPKI_HEAD = Uint8Array.from(Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex"))
const ORDER = Uint8Array.from(Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex"))

/**
 * NIST P-256 by OpenSSL: ECDSA over SHA-256 (64 bytes r ‖ s) and Diffie-Hellman. OpenSSL holds a copy of the scalar in memory of its own while a key
 * object lives and cleanses it when the object is collected; none is kept.
 */
export const p256Algorithm: KeyAlgorithm = {
  residue: "until-collected",
  isSecret,
  publicKey: (secret) => compressed(privateKey(secret)),
  sign: (secret, message) => Uint8Array.from(sign("sha256", message, { key: privateKey(secret), dsaEncoding: "ieee-p1363" })),
  verify: (point, { message, signature }) => {
    const key = publicKey(point)
    // OpenSSL takes r and s of any length up to the order's; the fixed form has 64 bytes.
    return key !== undefined && signature.length === 64 && verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature)
  },
  agree: (secret, peer) => {
    const key = publicKey(peer)
    if (key === undefined) return refuse("KEY_PEER_INVALID", "the peer's key is not a compressed point of P-256 (33 bytes)")
    const shared = diffieHellman({ privateKey: privateKey(secret), publicKey: key })
    const owned = Secret.take(new Uint8Array(shared))
    shared.fill(0)
    return ok(owned)
  },
}

/** Whether 0 < scalar < n, without a branch on its bytes. */
function isSecret(secret: Secret): boolean {
  if (secret.length !== SCALAR_BYTES) return false
  return secret.expose((bytes) => {
    let [borrow, any] = [0, 0]
    for (let index = SCALAR_BYTES - 1; index >= 0; index--) {
      borrow = ((bytes[index] ?? 0) - (ORDER[index] ?? 0) - borrow) >>> 31
      any |= bytes[index] ?? 0
    }
    return borrow === 1 && any !== 0
  })
}

function privateKey(secret: Secret): KeyObject {
  using der = secret.expose((bytes) =>
    Secret.fill(SEC1_HEAD.length + SCALAR_BYTES + SEC1_TAIL.length, (target) => {
      target.set(SEC1_HEAD)
      target.set(bytes, SEC1_HEAD.length)
      target.set(SEC1_TAIL, SEC1_HEAD.length + SCALAR_BYTES)
    }),
  )
  return der.expose((bytes) =>
    createPrivateKey({ key: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), format: "der", type: "sec1" }),
  )
}

function publicKey(point: Uint8Array): KeyObject | undefined {
  if (point.length !== 33 || (point[0] !== 2 && point[0] !== 3)) return undefined
  try {
    return createPublicKey({ key: Buffer.concat([SPKI_HEAD, point]), format: "der", type: "spki" })
  } catch {
    // Not on the curve.
    return undefined
  }
}

function compressed(key: KeyObject): Uint8Array {
  // The uncompressed point is the end of the SubjectPublicKeyInfo.
  const info = createPublicKey(key).export({ format: "der", type: "spki" })
  const point = ECDH.convertKey(info.subarray(-65), CURVE, undefined, undefined, "compressed")
  if (typeof point === "string") throw new TypeError("asked for bytes")
  return Uint8Array.from(point)
}
