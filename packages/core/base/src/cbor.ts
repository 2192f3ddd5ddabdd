import { decode, encode, encodeInto, type DecodeOptions } from "cborg"
import { equalBytes } from "./bytes.ts"
import { cborForm, MAX_CBOR_DEPTH } from "./cbor-form.ts"
import { ok, refuse, type Result } from "./result.ts"

/** What canonical CBOR carries: integers in the safe range, booleans, null, text, bytes, arrays, maps with text keys. No floats, tags or undefined. */
export type CborValue = number | boolean | null | string | Uint8Array | readonly CborValue[] | { readonly [key: string]: CborValue }

/**
 * Deterministic CBOR (RFC 8949 §4.2.1) of a value: the only form that is signed, hashed, stored or sent.
 * @throws TypeError on a float, an unsafe integer or a value outside {@link CborValue}.
 */
export function encodeCanonical(value: CborValue): Uint8Array {
  // On Node the library gives a Buffer, which may share its memory with others. Its own order of keys, by length and then by bytes, is that of RFC 8949 where all are text,
  // and takes half of the time of the one that it names so.
  if (longestEncoding(value, 0) > SCRATCH_BYTES) return new Uint8Array(encode(value))
  const { written } = encodeInto(value, scratch)
  const bytes = scratch.slice(0, written)
  // What is encoded may be part of a secret.
  scratch.fill(0, 0, written)
  return bytes
}

/** Where messages are encoded that surely fit, which most do: the library puts together what it allocates itself from pieces. */
const SCRATCH_BYTES = 4_096
const scratch = new Uint8Array(SCRATCH_BYTES)

const DECODING: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
}

/**
 * Decodes one canonical CBOR item that fills `bytes` exactly; anything else (trailing bytes, other key order, indefinite
 * lengths, floats, tags, depth over 16) is refused, because `encode(decode(b))` must equal `b`.
 * @param maxBytes size limit, checked before anything is parsed.
 */
export function decodeCanonical(bytes: Uint8Array, maxBytes: number): Result<CborValue, "CBOR_TOO_LARGE" | "CBOR_INVALID"> {
  if (bytes.length > maxBytes) return refuse("CBOR_TOO_LARGE", `message has ${bytes.length} bytes; at most ${maxBytes} are accepted`)
  // cborg accepts unsorted map keys and floats even in strict mode.
  const form = cborForm(bytes)
  if (form === "other") return refuse("CBOR_INVALID", "message is not well-formed canonical CBOR")
  try {
    const value: CborValue = decode(plainView(bytes), DECODING)
    // Text has a canonical form of its own, shortest UTF-8 without surrogates: encode it again and compare.
    if (form === "text" && !equalBytes(encodeCanonical(value), bytes)) return refuse("CBOR_INVALID", "message is not in canonical form")
    return ok(value)
  } catch {
    // cborg throws plain Errors for every malformed input; what it says may quote the input, so it is not passed on.
    return refuse("CBOR_INVALID", "message is not well-formed canonical CBOR")
  }
}

/** The same bytes as a plain array: of a Buffer the library would give Buffers. */
function plainView(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/**
 * Bytes that the encoding of a value does not exceed.
 * @throws TypeError see {@link encodeCanonical}
 */
function longestEncoding(value: CborValue, depth: number): number {
  if (depth > MAX_CBOR_DEPTH) throw new TypeError(`CBOR nesting over ${MAX_CBOR_DEPTH} levels`)
  if (value === null || typeof value === "boolean") return 1
  if (typeof value === "string") return longestText(value)
  if (value instanceof Uint8Array) return MAX_HEAD_BYTES + value.length
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new TypeError("CBOR numbers must be safe integers")
    return MAX_HEAD_BYTES
  }
  if (typeof value !== "object") throw new TypeError(`CBOR cannot carry a ${typeof value}`)
  let longest = MAX_HEAD_BYTES
  if (isList(value)) for (const child of value) longest += longestEncoding(child, depth + 1)
  else for (const [key, child] of Object.entries(value)) longest += longestText(key) + longestEncoding(child, depth + 1)
  return longest
}

/** Of what says the kind of an item, and its length or integer. */
const MAX_HEAD_BYTES = 9

/** UTF-8 has three bytes at most for each unit of UTF-16. */
function longestText({ length }: string): number {
  return MAX_HEAD_BYTES + 3 * length
}

function isList(value: CborValue): value is readonly CborValue[] {
  return Array.isArray(value)
}
