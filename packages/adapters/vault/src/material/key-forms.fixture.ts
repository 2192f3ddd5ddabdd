import { createECDH, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto"
import { Secret, type Result } from "@keygrove/base"
import type { KeyType } from "@keygrove/keys"
import { parseKeyMaterial } from "./parse-key-material.ts"

/** One key in one form. */
export interface KeyForm {
  readonly form: string
  readonly type: KeyType
  readonly bytes: Uint8Array
  /** The secret in it. */
  readonly secret: Uint8Array
}

/** What the parser makes of bytes, with the secret in the open for comparing. */
export function parsed(
  type: KeyType,
  bytes: Uint8Array,
  publicKeyOf?: (secret: Secret) => Uint8Array | undefined,
): Result<Uint8Array, "KEY_MATERIAL_INVALID"> {
  using material = Secret.take(Uint8Array.from(bytes))
  const before = material.copy()
  const result = parseKeyMaterial(type, material, publicKeyOf)
  if (!material.equals(before)) throw new TypeError("the material was changed")
  if (!result.ok) return result
  using secret = result.value
  return { ok: true, value: secret.expose((live) => Uint8Array.from(live)) }
}

/** The public key of a secret by node:crypto, points compressed; `undefined` when it is none. */
export function publicKeyBy(type: KeyType): (secret: Secret) => Uint8Array | undefined {
  return (secret) =>
    secret.expose((bytes) => (type === "ed25519" || type === "x25519" ? montgomeryOrEdwards(type, bytes) : point(type, bytes)))
}

function montgomeryOrEdwards(type: "ed25519" | "x25519", secret: Uint8Array): Uint8Array {
  const head = Buffer.from(`302e020100300506032b65${type === "ed25519" ? "70" : "6e"}04220420`, "hex")
  const key = createPrivateKey({ key: Buffer.concat([head, secret]), format: "der", type: "pkcs8" })
  return Uint8Array.from(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32))
}

function point(type: KeyType, secret: Uint8Array): Uint8Array | undefined {
  const ecdh = createECDH(type === "p256" ? "prime256v1" : "secp256k1")
  try {
    ecdh.setPrivateKey(secret)
  } catch {
    // Zero, or not below the order.
    return undefined
  }
  return Uint8Array.from(Buffer.from(ecdh.getPublicKey("hex", "compressed"), "hex"))
}

/** The secret of a key object of node:crypto: `d` of its JWK. */
export function secretOf(key: KeyObject): Uint8Array {
  const { d } = key.export({ format: "jwk" })
  return Uint8Array.from(Buffer.from(d ?? "", "base64url"))
}

const PAIRS: readonly { readonly type: KeyType; readonly make: () => KeyObject; readonly isCurve: boolean }[] = [
  { type: "ed25519", make: () => generateKeyPairSync("ed25519").privateKey, isCurve: false },
  { type: "x25519", make: () => generateKeyPairSync("x25519").privateKey, isCurve: false },
  { type: "p256", make: () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, isCurve: true },
  { type: "secp256k1", make: () => generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey, isCurve: true },
]

/** A fresh key of every type in every form that bare bytes have. */
export function bareForms(type: KeyType, secret: Uint8Array): readonly KeyForm[] {
  const hex = Buffer.from(secret).toString("hex")
  const base64 = Buffer.from(secret).toString("base64")
  const texts = {
    hex,
    "hex in capitals": hex.toUpperCase(),
    "hex after 0x, with a line end": `0x${hex}\n`,
    base64: `${base64}\r\n`,
    "base64 without padding": ` ${base64.replaceAll("=", "")}`,
    base64url: Buffer.from(secret).toString("base64url"),
    "base64url with padding": base64.replaceAll("+", "-").replaceAll("/", "_"),
  }
  const forms = Object.entries(texts).map(([form, text]) => ({ form, type, secret, bytes: Buffer.from(text) }))
  return [{ form: "raw", type, secret, bytes: secret }, ...forms]
}

/** Fresh keys of every type in every form that node:crypto writes. */
export function nodeForms(): readonly KeyForm[] {
  const symmetric = new Uint8Array(randomBytes(32))
  const k = Buffer.from(symmetric).toString("base64url")
  const bytes = Buffer.from(JSON.stringify({ k, alg: "A256GCM", key_ops: ["encrypt"], kty: "oct", ext: true }))
  const pairs = PAIRS.flatMap(({ isCurve, make, type }) => {
    const key = make()
    const secret = secretOf(key)
    const of = (form: string, encoded: string | Buffer): KeyForm => ({ form, type, secret, bytes: Buffer.from(encoded) })
    const forms = [
      of("PKCS #8 in PEM", key.export({ format: "pem", type: "pkcs8" })),
      of("PKCS #8 in DER", key.export({ format: "der", type: "pkcs8" })),
      of("JWK", JSON.stringify({ ...key.export({ format: "jwk" }), kid: 'a "quoted" ü' }, undefined, 2)),
    ]
    if (!isCurve) return forms
    return [
      ...forms,
      of("SEC1 in PEM", key.export({ format: "pem", type: "sec1" })),
      of("SEC1 in DER", key.export({ format: "der", type: "sec1" })),
    ]
  })
  return [...pairs, { form: "JWK", type: "aes256", secret: symmetric, bytes }]
}
