import { equalBytes, ok } from "@keygrove/base"
import type { KeyType } from "@keygrove/keys"
import { DerReader, TAG } from "./der-reader.ts"
import { compressedPoint, copyOf, invalid, otherType, rsaRefused, type ParsedMaterial } from "./refusal.ts"

const SECRET_BYTES = 32

/** RFC 8410 §3. */
const EDWARDS: readonly { readonly type: KeyType; readonly oid: Uint8Array }[] = [
  { type: "ed25519", oid: Uint8Array.of(0x2b, 0x65, 0x70) },
  { type: "x25519", oid: Uint8Array.of(0x2b, 0x65, 0x6e) },
]
/** RFC 5480 §2.1.1.1 (secp256r1) and SEC 2 (secp256k1). */
const CURVES: readonly { readonly type: KeyType; readonly oid: Uint8Array }[] = [
  { type: "p256", oid: Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07) },
  { type: "secp256k1", oid: Uint8Array.of(0x2b, 0x81, 0x04, 0x00, 0x0a) },
]
/** id-ecPublicKey, RFC 5480 §2.1.1. */
const EC_KEY = Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01)
/** The arc of PKCS #1: rsaEncryption, RSASSA-PSS and the rest (RFC 8017 appendix A). */
const PKCS1_ARC = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01)

/** How a file encrypted with a passphrase is made one that can be read here. */
export const DECRYPT_WITH_OPENSSL = "decrypt it first with: openssl pkey -in FILE -out NEW_FILE"

/**
 * Reads a private key in DER that names its kind by its structure: PKCS #8 (RFC 5208, RFC 5958) or SEC1 (RFC 5915). `form` is what messages call it.
 * Public keys beside the secret are given where the type's own structure has them.
 */
export function parsePrivateKeyDer(type: KeyType, bytes: Uint8Array, form = "DER"): ParsedMaterial {
  const outer = new DerReader(bytes)
  const body = outer.enter(TAG.sequence)
  if (body === undefined || !outer.isAtEnd) return malformed(form)
  // EncryptedPrivateKeyInfo (RFC 5208 §6) has no version before its algorithm.
  if (body.nextTag === TAG.sequence) return invalid(`the ${form} is encrypted with a passphrase; ${DECRYPT_WITH_OPENSSL}`)
  const version = smallInteger(body.take(TAG.integer))
  switch (body.nextTag) {
    case TAG.sequence:
      return parsePkcs8(type, body, { version, form })
    case TAG.octetString:
      return parseEcPrivateKey(type, body, { version, form, curve: undefined })
    case TAG.integer:
      return rsaRefused(form)
    default:
      return malformed(form)
  }
}

interface Context {
  readonly version: number | undefined
  readonly form: string
}

/** PrivateKeyInfo after its version; OneAsymmetricKey (RFC 5958 §2) when that is 1. */
function parsePkcs8(type: KeyType, body: DerReader, { form, version }: Context): ParsedMaterial {
  const algorithm = body.enter(TAG.sequence)
  const oid = algorithm?.take(TAG.objectIdentifier)
  const key = body.take(TAG.octetString)
  if (algorithm === undefined || oid === undefined || key === undefined) return malformed(form)
  const publicKey = readPkcs8End(body, version)
  if ((version !== 0 && version !== 1) || publicKey === "malformed") return malformed(form)
  if (equalBytes(oid.subarray(0, PKCS1_ARC.length), PKCS1_ARC)) return rsaRefused(form)
  const edwards = EDWARDS.find((each) => equalBytes(each.oid, oid))
  if (edwards !== undefined) {
    const reader = new DerReader(key)
    const secret = reader.take(TAG.octetString)
    if (!algorithm.isAtEnd || secret === undefined || !reader.isAtEnd) return malformed(form)
    if (publicKey !== undefined && publicKey.length !== SECRET_BYTES) return malformed(form)
    return finish(type, { secret, publicKey: publicKey?.slice() }, { form, found: edwards.type })
  }
  if (!equalBytes(oid, EC_KEY)) return otherType(form, "another algorithm", type)
  const curve = readCurve(algorithm)
  if (curve === "explicit") return invalid(`the ${form} spells out its curve's parameters; only named curves are accepted`)
  const outer = new DerReader(key)
  const inner = outer.enter(TAG.sequence)
  if (inner === undefined || !outer.isAtEnd || curve === undefined || !algorithm.isAtEnd) return malformed(form)
  return parseEcPrivateKey(type, inner, { version: smallInteger(inner.take(TAG.integer)), form, curve })
}

/** Attributes [0], and the public key [1] of version 1; ring of before 2023 wrote that one with an explicit tag. */
function readPkcs8End(body: DerReader, version: number | undefined): PublicPart {
  body.take(TAG.context0)
  if (body.isAtEnd || version !== 1) return body.isAtEnd ? undefined : "malformed"
  const implicit = body.take(TAG.context1Primitive)
  const explicit = implicit === undefined ? body.enter(TAG.context1) : undefined
  const bits = implicit ?? explicit?.take(TAG.bitString)
  return body.isAtEnd && explicit?.isAtEnd !== false ? wholeBytes(bits) : "malformed"
}

/** A public part that may be left out. */
type PublicPart = Uint8Array | "malformed" | undefined

/** What a BIT STRING holds, when that is whole bytes. */
function wholeBytes(bits: Uint8Array | undefined): Uint8Array | "malformed" {
  return bits?.[0] === 0 ? bits.subarray(1) : "malformed"
}

/** ECPrivateKey (RFC 5915 §3) after its version; the curve stands in it, or around it. */
function parseEcPrivateKey(type: KeyType, body: DerReader, context: Context & { readonly curve: Curve | undefined }): ParsedMaterial {
  const { curve: around, form, version } = context
  const scalar = body.take(TAG.octetString)
  const parameters = body.enter(TAG.context0)
  const own = parameters === undefined ? undefined : readCurve(parameters)
  if (own === "explicit") return invalid(`the ${form} spells out its curve's parameters; only named curves are accepted`)
  const isOwnWhole = parameters === undefined || (own !== undefined && parameters.isAtEnd)
  const point = readPoint(body)
  if (version !== 1 || scalar === undefined || !isOwnWhole || point === "malformed" || !body.isAtEnd) return malformed(form)
  const curve = around ?? own
  if (curve === undefined) return invalid(`the ${form} does not name its curve; convert it with: openssl pkcs8 -topk8 -nocrypt`)
  if (around !== undefined && own !== undefined && around !== own) return malformed(form)
  if (curve !== type) return otherType(form, curve, type)
  const publicKey = point === undefined ? undefined : compressedPoint(point)
  if (point !== undefined && publicKey === undefined) return malformed(form)
  return finish(type, { secret: scalar, publicKey }, { form, found: curve })
}

function readPoint(body: DerReader): PublicPart {
  if (body.nextTag !== TAG.context1) return undefined
  const reader = body.enter(TAG.context1)
  const bits = reader?.take(TAG.bitString)
  return reader?.isAtEnd === true ? wholeBytes(bits) : "malformed"
}

type Curve = "p256" | "secp256k1" | "another curve"

function readCurve(reader: DerReader): Curve | "explicit" | undefined {
  if (reader.nextTag === TAG.sequence) return "explicit"
  const oid = reader.take(TAG.objectIdentifier)
  if (oid === undefined) return undefined
  const found = CURVES.find((each) => equalBytes(each.oid, oid))?.type
  return found === "p256" || found === "secp256k1" ? found : "another curve"
}

interface Parts {
  readonly secret: Uint8Array
  readonly publicKey: Uint8Array | undefined
}

function finish(
  type: KeyType,
  { publicKey, secret }: Parts,
  { form, found }: { readonly form: string; readonly found: string },
): ParsedMaterial {
  if (found !== type) return otherType(form, found, type)
  if (secret.length === SECRET_BYTES) return ok({ secret: copyOf(secret), publicKey })
  return invalid(`the ${form} holds a secret of ${secret.length} bytes; one of type ${type} has ${SECRET_BYTES}`)
}

/** A version: one byte. */
function smallInteger(bytes: Uint8Array | undefined): number | undefined {
  return bytes?.length === 1 ? bytes[0] : undefined
}

function malformed(form: string): ParsedMaterial {
  return invalid(`the ${form} is not a well-formed private key (PKCS #8 or SEC1); it may be cut or damaged, fetch it again`)
}
