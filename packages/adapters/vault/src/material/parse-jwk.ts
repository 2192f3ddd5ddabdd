import { concatBytes, ok } from "@keygrove/base"
import type { KeyType } from "@keygrove/keys"
import { isText } from "./ascii.ts"
import { decodeBase64, JOSE_BASE64 } from "./base-text.ts"
import { memberOf, scanJsonObject, type JsonMember } from "./json-object.ts"
import { compressedPoint, invalid, otherType, rsaRefused, type ParsedMaterial } from "./refusal.ts"

const FORM = "JWK"
const SECRET_BYTES = 32

interface JwkKind {
  readonly type: KeyType
  readonly kty: string
  readonly crv: string | undefined
  readonly secret: string
  /** Public members that must be there, 32 bytes each. */
  readonly publicParts: readonly string[]
}

/** RFC 7518 §6.2 (EC) and §6.4 (oct), RFC 8037 §2 (OKP), RFC 8812 §3.1 (secp256k1). There is no registered JWK of BLS keys. */
const KINDS: readonly JwkKind[] = [
  { type: "ed25519", kty: "OKP", crv: "Ed25519", secret: "d", publicParts: ["x"] },
  { type: "x25519", kty: "OKP", crv: "X25519", secret: "d", publicParts: ["x"] },
  { type: "p256", kty: "EC", crv: "P-256", secret: "d", publicParts: ["x", "y"] },
  { type: "secp256k1", kty: "EC", crv: "secp256k1", secret: "d", publicParts: ["x", "y"] },
  { type: "aes256", kty: "oct", crv: undefined, secret: "k", publicParts: [] },
]

/**
 * Reads a private or symmetric key from a JWK (RFC 7517), unencrypted. `kty` and `crv` decide which key it is; members that say what it is for
 * (`use`, `key_ops`, `alg`, `kid`) are not looked at. The public part must be there.
 */
export function parseJwk(type: KeyType, bytes: Uint8Array): ParsedMaterial {
  const members = scanJsonObject(bytes)
  if (members === undefined) return invalid("the JWK is not a well-formed JSON object with each member once; it may be cut, fetch it again")
  const [kty, crv] = [memberOf(members, "kty"), memberOf(members, "crv")]
  if (kty?.text === undefined) return invalid('the JSON object is no JWK: it has no member "kty"; of a set of keys, give one')
  if (isText(kty.text, "RSA")) return rsaRefused(FORM)
  const kind = KINDS.find((each) => isText(kty.text ?? new Uint8Array(0), each.kty) && isCurve(crv, each.crv))
  if (kind === undefined)
    return invalid("the JWK has an unknown kty or crv; OKP with Ed25519 or X25519, EC with P-256 or secp256k1, and oct are accepted")
  if (kind.type !== type) return otherType(FORM, kind.type, type)
  const parts = kind.publicParts.map((name) => ({ name, bytes: publicPart(memberOf(members, name)) }))
  const missing = parts.find(({ bytes }) => bytes === undefined)
  if (missing !== undefined) return invalid(`the JWK has no member "${missing.name}" of ${SECRET_BYTES} bytes in base64url without padding`)
  const [x, y] = parts.map(({ bytes }) => bytes)
  const publicKey = x === undefined || y === undefined ? x : compressedPoint(concatBytes(Uint8Array.of(4), x, y))
  return readSecret(kind.secret, memberOf(members, kind.secret), publicKey)
}

function readSecret(name: string, member: JsonMember | undefined, publicKey: Uint8Array | undefined): ParsedMaterial {
  if (member === undefined) return invalid(`the JWK has no member "${name}"; give the private key, not the public one`)
  const secret = member.text === undefined ? undefined : decodeBase64(member.text, JOSE_BASE64)
  if (secret?.length === SECRET_BYTES) return ok({ secret, publicKey })
  const observed = secret === undefined ? "no base64url" : `${secret.length} bytes`
  secret?.[Symbol.dispose]()
  return invalid(`member "${name}" of the JWK is ${observed}; it must be ${SECRET_BYTES} bytes in base64url without padding`)
}

function isCurve(member: JsonMember | undefined, expected: string | undefined): boolean {
  if (expected === undefined) return member === undefined
  return member?.text !== undefined && isText(member.text, expected)
}

function publicPart(member: JsonMember | undefined): Uint8Array | undefined {
  if (member?.text === undefined) return undefined
  using part = decodeBase64(member.text, JOSE_BASE64)
  return part?.length === SECRET_BYTES ? part.expose((bytes) => bytes.slice()) : undefined
}
