import { createPublicKey, verify, type JsonWebKey, type KeyObject } from "node:crypto"
import { unreachable } from "@keygrove/base"
import type { DeviceKey, VerifyDeviceSignature } from "@keygrove/crypto"

const POINT_BYTES = 65
const COORDINATE_BYTES = 32
const ECDSA_BYTES = 64
const RSA_BYTES = 256
const EXPONENT_65537 = "AQAB"

/** Signatures of devices by OpenSSL. */
export const verifyDeviceSignature: VerifyDeviceSignature = (key, message, signature) => {
  const publicKey = importKey(key)
  if (publicKey === undefined) return false
  // OpenSSL takes r and s of any length up to the order's; the fixed form has 64 bytes.
  if (key.type === "p256")
    return signature.length === ECDSA_BYTES && verify("sha256", message, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature)
  return signature.length === RSA_BYTES && verify("sha256", message, publicKey, signature)
}

function importKey(key: DeviceKey): KeyObject | undefined {
  const jwk = toJwk(key)
  if (jwk === undefined) return undefined
  try {
    return createPublicKey({ key: jwk, format: "jwk" })
  } catch {
    // Not on the curve, or no modulus.
    return undefined
  }
}

function toJwk(key: DeviceKey): JsonWebKey | undefined {
  switch (key.type) {
    case "p256": {
      if (key.point.length !== POINT_BYTES || key.point[0] !== 4) return undefined
      const [x, y] = [key.point.subarray(1, 1 + COORDINATE_BYTES), key.point.subarray(1 + COORDINATE_BYTES)]
      return { kty: "EC", crv: "P-256", x: base64url(x), y: base64url(y) }
    }
    case "rsa-2048":
      if (key.modulus.length !== RSA_BYTES || (key.modulus[0] ?? 0) < 0x80) return undefined
      return { kty: "RSA", n: base64url(key.modulus), e: EXPONENT_65537 }
    default:
      return unreachable(key)
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url")
}
