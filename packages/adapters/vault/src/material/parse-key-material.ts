import { equalBytes, ok, type Result, type Secret } from "@keygrove/base"
import { keyTypeTraits, type KeyType } from "@keygrove/keys"
import { isPrintable, startsWithText, trimmed } from "./ascii.ts"
import { ANY_BASE64, decodeBase64, decodeHex } from "./base-text.ts"
import { parseJwk } from "./parse-jwk.ts"
import { parsePem, PEM_BEGIN } from "./parse-pem.ts"
import { parsePrivateKeyDer } from "./parse-private-key-der.ts"
import { copyOf, invalid, type ParsedMaterial } from "./refusal.ts"

/** Most bytes of key material in any form. */
export const MAX_KEY_MATERIAL_BYTES = 16_384

const OPEN_BRACE = 0x7b
const DER_SEQUENCE = 0x30

/**
 * The secret of a key, from any form people keep it in: exactly the raw bytes; hex (either case, `0x` before it or not) or base64 (either alphabet,
 * padded or not) with whitespace around it; PEM and DER of PKCS #8 or SEC1; JWK; OpenSSH. The form is told by the bytes themselves.
 *
 * `material` is borrowed, at most 16 KiB; the result belongs to the caller and has the type's raw form: 32 bytes, an Ed25519 seed, an X25519
 * secret, a big-endian scalar or an AES key. Whether a scalar is in its field is the caller's to check. Nothing of the input becomes a string, a
 * number or part of a message; whatever is decoded on the way is wiped.
 *
 * Given `publicKeyOf` (its answer in the type's own form, points compressed; `undefined` for what is no secret of the type), a public key that
 * stands beside the secret must be its: a damaged file would otherwise pass for another key.
 */
export function parseKeyMaterial(
  type: KeyType,
  material: Secret,
  publicKeyOf?: (secret: Secret) => Uint8Array | undefined,
): Result<Secret, "KEY_MATERIAL_INVALID"> {
  const read = readKeyMaterial(type, material)
  if (!read.ok) return read
  const { publicKey, secret } = read.value
  using owned = new DisposableStack()
  owned.use(secret)
  const own = publicKey === undefined ? undefined : publicKeyOf?.(secret)
  if (publicKey !== undefined && own !== undefined && !equalBytes(own, publicKey))
    return invalid("the public key beside the secret does not belong to it; the key material was damaged or put together, fetch it again")
  owned.move()
  return ok(secret)
}

/** {@link parseKeyMaterial} with the public key that stands beside the secret. */
function readKeyMaterial(type: KeyType, material: Secret): ParsedMaterial {
  if (material.length > MAX_KEY_MATERIAL_BYTES)
    return invalid(`the key material has ${material.length} bytes; at most ${MAX_KEY_MATERIAL_BYTES} are accepted`)
  return material.expose((bytes) => parseBytes(type, bytes))
}

function parseBytes(type: KeyType, bytes: Uint8Array): ParsedMaterial {
  const { secretBytes } = keyTypeTraits(type)
  const text = trimmed(bytes)
  if (bytes.length === secretBytes) return parseRaw(bytes)
  if (text[0] === OPEN_BRACE) return parseJwk(type, text)
  if (startsWithText(text, PEM_BEGIN)) return parsePem(type, text)
  if (isPrintable(bytes)) return parseDigits(text, secretBytes)
  if (bytes[0] === DER_SEQUENCE) return parsePrivateKeyDer(type, bytes)
  return invalid(`${bytes.length} bytes that are no text and no DER; a raw key of type ${type} has exactly ${secretBytes} bytes`)
}

/** Digits of half a key would pass for a whole raw one; bytes that are a key look like that once in 10^34 times. */
function parseRaw(bytes: Uint8Array): ParsedMaterial {
  using half = decodeHex(bytes)
  return half === undefined
    ? ok({ secret: copyOf(bytes), publicKey: undefined })
    : invalid(`${bytes.length} digits of hex are ${half.length} bytes; a key has ${bytes.length} bytes, ${2 * bytes.length} digits`)
}

function parseDigits(text: Uint8Array, secretBytes: number): ParsedMaterial {
  for (const decode of [decodeHex, (digits: Uint8Array) => decodeBase64(digits, ANY_BASE64)]) {
    const secret = decode(text)
    if (secret?.length === secretBytes) return ok({ secret, publicKey: undefined })
    secret?.[Symbol.dispose]()
  }
  return invalid(
    `text of ${text.length} characters that is no key: expected ${2 * secretBytes} digits of hex, ${secretBytes} bytes in base64, PEM, JWK or OpenSSH`,
  )
}
