import { createPublicKey, ECDH, type JsonWebKey } from "node:crypto"
import { commandError } from "../errors.ts"

/** How `key public` can print a key. */
export type PublicKeyFormat = "pem" | "raw" | "ssh" | "jwk" | "hex"

export interface PublicKey {
  readonly id: string
  readonly type: string
  readonly publicKey: Uint8Array
}

const FORMATS: readonly PublicKeyFormat[] = ["pem", "raw", "ssh", "jwk", "hex"]

/** The format asked for, or the one that most programs read: PEM, and hex for keys that have no PEM. */
export function chooseFormat(asked: string | undefined, type: string): PublicKeyFormat {
  if (asked === undefined) return type === "bls12-381" ? "hex" : "pem"
  const format = FORMATS.find((each) => each === asked)
  if (format === undefined) throw commandError("USAGE_INVALID", `--format must be ${FORMATS.join(", ")}, got "${asked}"`)
  return format
}

/**
 * A public key as text. Raw bytes are base64 here.
 * @throws CommandError `KEY_FORMAT_UNSUPPORTED` where no standard has the type in that format.
 */
export function publicKeyText(key: PublicKey, format: PublicKeyFormat): string {
  switch (format) {
    case "hex":
      return Buffer.from(key.publicKey).toString("hex")
    case "raw":
      return Buffer.from(key.publicKey).toString("base64")
    case "jwk":
      return JSON.stringify(toJwk(key, format))
    case "pem":
      return createPublicKey({ key: toJwk(key, format), format: "jwk" })
        .export({ format: "pem", type: "spki" })
        .toString()
        .trimEnd()
    default:
      return toSsh(key)
  }
}

/** RFC 8037 for the curves of Edwards and Montgomery form, RFC 7518 §6.2 and RFC 8812 for the others. */
function toJwk({ publicKey, type }: PublicKey, format: PublicKeyFormat): JsonWebKey {
  switch (type) {
    case "ed25519":
      return { kty: "OKP", crv: "Ed25519", x: base64url(publicKey) }
    case "x25519":
      return { kty: "OKP", crv: "X25519", x: base64url(publicKey) }
    case "p256":
      return { kty: "EC", crv: "P-256", ...coordinates(publicKey, "prime256v1") }
    case "secp256k1":
      return { kty: "EC", crv: "secp256k1", ...coordinates(publicKey, "secp256k1") }
    default:
      throw unsupported(type, format)
  }
}

function coordinates(compressed: Uint8Array, curve: string): { readonly x: string; readonly y: string } {
  const point = uncompressed(compressed, curve)
  return { x: base64url(point.subarray(1, 33)), y: base64url(point.subarray(33, 65)) }
}

function uncompressed(compressed: Uint8Array, curve: string): Uint8Array {
  const point = ECDH.convertKey(compressed, curve, undefined, undefined, "uncompressed")
  if (typeof point === "string") throw new TypeError("a point without an encoding is bytes")
  return point
}

/** A line for authorized_keys: RFC 8709 §4, RFC 5656 §3.1. */
function toSsh({ id, publicKey, type }: PublicKey): string {
  const parts = sshParts(type, publicKey)
  const blob = Buffer.concat(parts.map((part) => Buffer.concat([lengthOf(part), part])))
  return `${Buffer.from(parts[0] ?? []).toString("latin1")} ${blob.toString("base64")} ${id}`
}

function sshParts(type: string, publicKey: Uint8Array): readonly Uint8Array[] {
  if (type === "ed25519") return [Buffer.from("ssh-ed25519"), publicKey]
  if (type === "p256") return [Buffer.from("ecdsa-sha2-nistp256"), Buffer.from("nistp256"), uncompressed(publicKey, "prime256v1")]
  throw unsupported(type, "ssh")
}

function lengthOf(part: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(part.length)
  return length
}

function unsupported(type: string, format: PublicKeyFormat): Error {
  const reason = format === "ssh" ? "ssh has ed25519 and p256 keys only" : `no standard has ${type} keys in it`
  return commandError("KEY_FORMAT_UNSUPPORTED", `a key of type ${type} has no ${format} form: ${reason}; give --format hex or raw`)
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url")
}
