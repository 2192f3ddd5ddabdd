import { equalBytes, ok, Secret, type Result } from "@keygrove/base"
import type { KeyType } from "@keygrove/keys"
import { isText, startsWithText } from "./ascii.ts"
import { compressedPoint, copyOf, invalid, otherType, rsaRefused, type ParsedMaterial } from "./refusal.ts"

const MAGIC = "openssh-key-v1\0"
const FORM = "OpenSSH file"
const SECRET_BYTES = 32
/** What the private section is padded to under cipher `none`. */
const BLOCK_BYTES = 8

/**
 * Reads an OpenSSH private key (openssh-key-v1, PROTOCOL.key of OpenSSH): one key, cipher `none`, ed25519 or ecdsa-sha2-nistp256. Both check
 * integers, the padding, and that the public key stands in it twice alike are demanded.
 */
export function parseOpenSshKey(type: KeyType, bytes: Uint8Array): ParsedMaterial {
  if (!startsWithText(bytes, MAGIC)) return malformed()
  const file = new SshReader(bytes.subarray(MAGIC.length))
  const [cipher, kdf, kdfOptions] = [file.string(), file.string(), file.string()]
  if (cipher === undefined || kdf === undefined || kdfOptions === undefined) return malformed()
  if (!isText(cipher, "none") || !isText(kdf, "none") || kdfOptions.length > 0)
    return invalid('the OpenSSH file is encrypted with a passphrase; decrypt a copy of it first with: ssh-keygen -p -N "" -f COPY')
  const count = file.uint32()
  if (count !== undefined && count !== 1) return invalid(`the OpenSSH file holds ${count} keys; give a file of one`)
  const [publicKey, section] = [file.string(), file.string()]
  if (publicKey === undefined || section === undefined || !file.isAtEnd || section.length % BLOCK_BYTES !== 0) return malformed()
  return parseSection(type, section, publicKey)
}

function parseSection(type: KeyType, section: Uint8Array, publicKey: Uint8Array): ParsedMaterial {
  const reader = new SshReader(section)
  const [first, second] = [reader.uint32(), reader.uint32()]
  const name = reader.string()
  if (first === undefined || first !== second || name === undefined) return malformed()
  if (isText(name, "ssh-rsa")) return rsaRefused(FORM)
  const found = isText(name, "ssh-ed25519") ? "ed25519" : isText(name, "ecdsa-sha2-nistp256") ? "p256" : "another algorithm"
  if (found !== type) return otherType(FORM, found, type)
  const publicReader = new SshReader(publicKey)
  const publicName = publicReader.string()
  if (publicName === undefined || !equalBytes(publicName, name)) return malformed()
  const parsed = found === "ed25519" ? readEd25519(reader, publicReader) : readNistP256(reader, publicReader)
  if (!parsed.ok) return parsed
  if (reader.string() !== undefined && publicReader.isAtEnd && isPadding(reader.rest)) return parsed
  parsed.value.secret[Symbol.dispose]()
  return malformed()
}

/** string public (32), string seed ‖ public (64). */
function readEd25519(reader: SshReader, publicReader: SshReader): ParsedMaterial {
  const [outside, inside, pair] = [publicReader.string(), reader.string(), reader.string()]
  if (outside === undefined || inside === undefined || pair?.length !== 2 * SECRET_BYTES) return malformed()
  if (!equalBytes(outside, inside) || !equalBytes(inside, pair.subarray(SECRET_BYTES))) return malformed()
  return ok({ secret: copyOf(pair.subarray(0, SECRET_BYTES)), publicKey: inside.slice() })
}

/** string curve, string point, mpint scalar. */
function readNistP256(reader: SshReader, publicReader: SshReader): ParsedMaterial {
  const [curve, point] = [readTwice(reader, publicReader), readTwice(reader, publicReader)]
  if (curve === undefined || !isText(curve, "nistp256") || point === undefined) return malformed()
  const publicKey = compressedPoint(point)
  const scalar = reader.string()
  const magnitude = scalar === undefined ? undefined : positiveInteger(scalar)
  if (publicKey === undefined || magnitude === undefined || magnitude.length > SECRET_BYTES) return malformed()
  return ok({ secret: Secret.fill(SECRET_BYTES, (target) => target.set(magnitude, SECRET_BYTES - magnitude.length)), publicKey })
}

/** A string of the private section that stands in the public key alike. */
function readTwice(reader: SshReader, publicReader: SshReader): Uint8Array | undefined {
  const [outside, inside] = [publicReader.string(), reader.string()]
  return outside !== undefined && inside !== undefined && equalBytes(outside, inside) ? inside : undefined
}

/** Magnitude of an mpint (RFC 4251 §5) that is positive and in its shortest form. */
function positiveInteger(bytes: Uint8Array): Uint8Array | undefined {
  const [first, second] = bytes
  if (first === undefined || first >= 0x80) return undefined
  if (first !== 0) return bytes
  return second !== undefined && second >= 0x80 ? bytes.subarray(1) : undefined
}

/** Bytes 1, 2, 3 … up to less than a block. */
function isPadding(bytes: Uint8Array): boolean {
  return bytes.length < BLOCK_BYTES && bytes.every((byte, index) => byte === index + 1)
}

/** Reads the data types of RFC 4251 §5; strings are views, no copies. `undefined` when there is less than they say. */
class SshReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  get rest(): Uint8Array {
    return this.#bytes.subarray(this.#at)
  }

  uint32(): number | undefined {
    const [a, b, c, d] = this.#bytes.subarray(this.#at, this.#at + 4)
    if (a === undefined || b === undefined || c === undefined || d === undefined) return undefined
    this.#at += 4
    return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
  }

  string(): Uint8Array | undefined {
    const length = this.uint32()
    if (length === undefined || this.#at + length > this.#bytes.length) return undefined
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

function malformed(): Result<never, "KEY_MATERIAL_INVALID"> {
  return invalid("the OpenSSH file is not a well-formed openssh-key-v1; it may be cut or damaged, fetch it again")
}
