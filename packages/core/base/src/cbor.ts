import { decode, encode, rfc8949EncodeOptions } from "cborg"
import { equalBytes } from "./bytes.ts"
import { readCbor } from "./cbor-read.ts"
import type { CborValue } from "./cbor-value.ts"
import { writeCbor } from "./cbor-write.ts"
import { ok, refuse, type Result } from "./result.ts"

/**
 * Deterministic CBOR (RFC 8949 §4.2.1) of a value: the only form that is signed, hashed, stored or sent.
 * @throws TypeError on a float, an unsafe integer or a value outside {@link CborValue}.
 */
export function encodeCanonical(value: CborValue): Uint8Array {
  return writeCbor(value) ?? encode(value, rfc8949EncodeOptions)
}

/**
 * Decodes one canonical CBOR item that fills `bytes` exactly; anything else (trailing bytes, other key order, indefinite
 * lengths, floats, tags, depth over 16) is refused, because `encode(decode(b))` must equal `b`.
 * @param maxBytes size limit, checked before anything is parsed.
 */
export function decodeCanonical(bytes: Uint8Array, maxBytes: number): Result<CborValue, "CBOR_TOO_LARGE" | "CBOR_INVALID"> {
  if (bytes.length > maxBytes) return refuse("CBOR_TOO_LARGE", `message has ${bytes.length} bytes; at most ${maxBytes} are accepted`)
  const read = readCbor(bytes)
  if (read.form === "canonical") return ok(read.value)
  if (read.form === "other") return refuse("CBOR_INVALID", "message is not well-formed canonical CBOR")
  try {
    const value: CborValue = decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      allowBigInt: false,
      rejectDuplicateMapKeys: true,
    })
    // Text has a canonical form of its own, shortest UTF-8 without surrogates: encode it again and compare.
    if (!equalBytes(encodeCanonical(value), bytes)) return refuse("CBOR_INVALID", "message is not in canonical form")
    return ok(value)
  } catch {
    // cborg throws plain Errors for every malformed input; what it says may quote the input, so it is not passed on.
    return refuse("CBOR_INVALID", "message is not well-formed canonical CBOR")
  }
}
