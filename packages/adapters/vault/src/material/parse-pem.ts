import type { Secret } from "@keygrove/base"
import type { KeyType } from "@keygrove/keys"
import { indexOfText, isText, startsWithText, trimmed } from "./ascii.ts"
import { decodeBase64, PEM_BASE64 } from "./base-text.ts"
import { parseOpenSshKey } from "./parse-openssh-key.ts"
import { DECRYPT_WITH_OPENSSL, parsePrivateKeyDer } from "./parse-private-key-der.ts"
import { invalid, rsaRefused, type ParsedMaterial } from "./refusal.ts"

export const PEM_BEGIN = "-----BEGIN "
const DASHES = "-----"

interface Block {
  readonly label: Uint8Array
  /** What stands between the two lines. */
  readonly body: Uint8Array
  /** What follows the block, without whitespace around it. */
  readonly rest: Uint8Array
}

/** Reads the one private key of a PEM text (RFC 7468): PKCS #8, SEC1 or OpenSSH. Curve parameters before it, as `openssl ecparam` writes, are skipped. */
export function parsePem(type: KeyType, text: Uint8Array): ParsedMaterial {
  const first = readBlock(text)
  const block = first !== undefined && isText(first.label, "EC PARAMETERS") ? readBlock(first.rest) : first
  if (block === undefined)
    return invalid("the PEM text has no pair of BEGIN and END lines with the same label; it may be cut, fetch it again")
  if (block.rest.length > 0) return invalid("the PEM text goes on after its first key; give a file with one private key")
  const { body, label } = block
  if (isText(label, "PRIVATE KEY")) return decodeBody(body, (der) => parsePrivateKeyDer(type, der, "PEM"))
  if (isText(label, "EC PRIVATE KEY"))
    return indexOfText(body, "Proc-Type: 4,ENCRYPTED") === -1
      ? decodeBody(body, (der) => parsePrivateKeyDer(type, der, "PEM"))
      : encrypted()
  if (isText(label, "OPENSSH PRIVATE KEY")) return decodeBody(body, (blob) => parseOpenSshKey(type, blob))
  if (isText(label, "ENCRYPTED PRIVATE KEY")) return encrypted()
  if (isText(label, "RSA PRIVATE KEY")) return rsaRefused("PEM")
  if (isText(label, "PUBLIC KEY") || isText(label, "CERTIFICATE"))
    return invalid("the PEM holds a public key or certificate; give the private key that belongs to it")
  return invalid("the PEM has an unknown label; PRIVATE KEY, EC PRIVATE KEY and OPENSSH PRIVATE KEY are accepted")
}

/** The block at the beginning of the text. */
function readBlock(text: Uint8Array): Block | undefined {
  if (!startsWithText(text, PEM_BEGIN)) return undefined
  const labelEnd = indexOfText(text, DASHES, PEM_BEGIN.length)
  if (labelEnd === -1) return undefined
  const label = text.subarray(PEM_BEGIN.length, labelEnd)
  const bodyStart = labelEnd + DASHES.length
  const end = indexOfText(text, "-----END ", bodyStart)
  if (end === -1) return undefined
  const closing = text.subarray(end + "-----END ".length)
  const isSame = label.every((byte, index) => closing[index] === byte) && startsWithText(closing, DASHES, label.length)
  if (!isSame) return undefined
  return { label, body: text.subarray(bodyStart, end), rest: trimmed(closing.subarray(label.length + DASHES.length)) }
}

function decodeBody(body: Uint8Array, parse: (bytes: Uint8Array) => ParsedMaterial): ParsedMaterial {
  using decoded: Secret | undefined = decodeBase64(body, PEM_BASE64)
  return decoded === undefined
    ? invalid("what stands between the lines of the PEM is not base64; it may be damaged, fetch it again")
    : decoded.expose(parse)
}

function encrypted(): ParsedMaterial {
  return invalid(`the PEM is encrypted with a passphrase; ${DECRYPT_WITH_OPENSSL}`)
}
