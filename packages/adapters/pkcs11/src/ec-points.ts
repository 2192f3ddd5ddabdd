import { createPublicKey, diffieHellman, ECDH, generateKeyPairSync } from "node:crypto"
import { ok, refuse, type Result } from "@keygrove/base"

/** The curves that keys in tokens have, by OpenSSL's names. */
export type PointCurve = "prime256v1" | "secp256k1"

const OCTET_STRING = 0x04
/** RFC 8410 SubjectPublicKeyInfo of X25519, up to the key. */
const X25519_HEAD = Buffer.from("302a300506032b656e032100", "hex")
const X25519_BYTES = 32

/** The bytes of CKA_EC_POINT without their DER: PKCS #11 wants an OCTET STRING, and some tokens give what is in it. */
export function unwrapPoint(value: Uint8Array, lengths: readonly number[]): Uint8Array | undefined {
  const isWrapped = value[0] === OCTET_STRING && value[1] === value.length - 2 && lengths.includes(value.length - 2)
  const bytes = isWrapped ? value.subarray(2) : value
  return lengths.includes(bytes.length) ? Uint8Array.from(bytes) : undefined
}

/** A point of a Weierstrass curve as 33 bytes; `undefined` when it is not on the curve. */
export function compressPoint(point: Uint8Array, curve: PointCurve): Uint8Array | undefined {
  return converted(point, curve, "compressed")
}

/** A peer's point as tokens take it: 65 bytes for 33. */
export function expandPeer(peer: Uint8Array, curve: PointCurve): Result<Uint8Array, "KEY_PEER_INVALID"> {
  const point = peer.length === 33 && (peer[0] === 2 || peer[0] === 3) ? converted(peer, curve, "uncompressed") : undefined
  return point === undefined
    ? refuse("KEY_PEER_INVALID", `the peer's key is not a compressed point of ${curve} (33 bytes); ask the peer for it again`)
    : ok(point)
}

/** A peer's X25519 key that is of no small order, so that the shared secret depends on the token's key (RFC 7748 §6.1). */
export function checkX25519Peer(peer: Uint8Array): Result<Uint8Array, "KEY_PEER_INVALID"> {
  if (peer.length !== X25519_BYTES) return refuse("KEY_PEER_INVALID", `the peer's key has ${peer.length} bytes; X25519 keys have 32`)
  try {
    const publicKey = createPublicKey({ key: Buffer.concat([X25519_HEAD, peer]), format: "der", type: "spki" })
    // OpenSSL refuses a shared secret of zeros, which a key of small order gives with every other.
    diffieHellman({ privateKey: generateKeyPairSync("x25519").privateKey, publicKey })
    return ok(peer)
  } catch {
    return refuse("KEY_PEER_INVALID", "the peer's X25519 key is of small order; ask the peer for it again")
  }
}

function converted(point: Uint8Array, curve: PointCurve, form: "compressed" | "uncompressed"): Uint8Array | undefined {
  try {
    const bytes = ECDH.convertKey(point, curve, undefined, undefined, form)
    return typeof bytes === "string" ? undefined : Uint8Array.from(bytes)
  } catch {
    // Not on the curve.
    return undefined
  }
}
