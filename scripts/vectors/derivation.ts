import { createPrivateKey, createPublicKey, ECDH, hkdfSync, sign } from "node:crypto"
import { encode, rfc8949EncodeOptions } from "cborg"

/*
 * ARCHITECTURE.md "Keys" a second time, from its text alone: node:crypto and cborg, none of this repository's code, so that the vectors written with it are a
 * second implementation and not a recording.
 */

/** Order of secp256k1 (SEC 2, §2.4.1). */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** Canonical CBOR of an array. */
export const info = (...parts: readonly (string | number | Uint8Array | readonly Uint8Array[])[]): Uint8Array =>
  encode(parts, rfc8949EncodeOptions)
/** HKDF-SHA-256 without salt, 32 bytes. */
export const hkdf = (secret: Uint8Array, of: Uint8Array): Buffer => Buffer.from(hkdfSync("sha256", secret, new Uint8Array(0), of, 32))

/** A secp256k1 scalar: the first counter from 0 that gives one. */
export function scalar(secret: Uint8Array, ...parts: readonly (string | number)[]): Buffer {
  for (let counter = 0; ; counter++) {
    const candidate = hkdf(secret, info(...parts, counter))
    const value = BigInt(`0x${candidate.toString("hex")}`)
    if (value > 0n && value < ORDER) return candidate
  }
}

/** A compressed secp256k1 point. */
export function point(secret: Uint8Array): Buffer {
  return Buffer.from(ECDH.convertKey(uncompressed(secret), "secp256k1", undefined, undefined, "compressed"))
}

function uncompressed(secret: Uint8Array): Buffer {
  // SEC1 private key (RFC 5915) with the curve's OID and no public key; OpenSSL computes it.
  const der = Buffer.concat([Buffer.from("302e0201010420", "hex"), secret, Buffer.from("a00706052b8104000a", "hex")])
  const spki = createPublicKey(createPrivateKey({ key: der, format: "der", type: "sec1" })).export({ format: "der", type: "spki" })
  return spki.subarray(-65)
}

/** The public key of an Ed25519 seed (70) or an X25519 secret (6e): the last byte of the OID's hex. */
export function rawPublic(secret: Uint8Array, oidLast: "70" | "6e"): Buffer {
  return createPublicKey(privateKey(secret, oidLast)).export({ format: "der", type: "spki" }).subarray(-32)
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** Ed25519, 64 bytes. */
export function signEd25519(seed: Uint8Array, message: Uint8Array): Buffer {
  return sign(null, message, privateKey(seed, "70"))
}

/** s(child). */
export function childSecret(parent: Uint8Array, name: string, generation: number): Buffer {
  return hkdf(parent, info("keygrove/v1/child", name, generation))
}

/** Secrets and public keys of an epoch. */
export interface EpochVector {
  readonly secrets: Readonly<Record<"signing" | "encryption" | "delegation" | "sealing" | "storage" | "labels", Buffer>>
  readonly keys: Readonly<Record<"signingKey" | "encryptionKey" | "sealingKey" | "delegationKey", Buffer>>
}

/** The epoch of a node secret. */
export function epochOf(node: Uint8Array, number: number): EpochVector {
  const secret = hkdf(node, info("keygrove/v1/epoch", number))
  const key = (purpose: string): Buffer => hkdf(secret, info(`keygrove/v1/${purpose}`))
  const secrets = {
    signing: key("signing"),
    encryption: scalar(secret, "keygrove/v1/encryption"),
    delegation: scalar(secret, "keygrove/v1/delegation"),
    sealing: key("sealing"),
    storage: key("storage"),
    labels: key("labels"),
  }
  const keys = {
    signingKey: rawPublic(secrets.signing, "70"),
    encryptionKey: point(secrets.encryption),
    sealingKey: rawPublic(secrets.sealing, "6e"),
    delegationKey: point(secrets.delegation),
  }
  return { secrets, keys }
}

function privateKey(secret: Uint8Array, oidLast: "70" | "6e") {
  const der = Buffer.concat([Buffer.from(`302e020100300506032b65${oidLast}04220420`, "hex"), secret])
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" })
}
