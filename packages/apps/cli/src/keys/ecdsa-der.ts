/** Bytes of r and of s, of curves with 256 bits. */
const SCALAR_BYTES = 32
const SEQUENCE = 0x30
const INTEGER = 0x02

/** An ECDSA signature of 64 bytes, r ‖ s, as other programs write it: DER of `SEQUENCE { INTEGER r, INTEGER s }` (RFC 3279 §2.2.3). */
export function toDer(signature: Uint8Array): Uint8Array {
  if (signature.length !== 2 * SCALAR_BYTES)
    throw new RangeError(`an ECDSA signature has ${2 * SCALAR_BYTES} bytes, got ${signature.length}`)
  const body = Buffer.concat([integer(signature.subarray(0, SCALAR_BYTES)), integer(signature.subarray(SCALAR_BYTES))])
  return Buffer.concat([Buffer.of(SEQUENCE, body.length), body])
}

/** Inverse of {@link toDer}; `undefined` for anything else, also for DER that is not the shortest form. */
export function fromDer(der: Uint8Array): Uint8Array | undefined {
  const [tag, length] = der
  if (tag !== SEQUENCE || length !== der.length - 2) return undefined
  const r = readInteger(der, 2)
  const s = r === undefined ? undefined : readInteger(der, r.end)
  if (r === undefined || s === undefined || s.end !== der.length) return undefined
  const signature = Buffer.concat([r.value, s.value])
  return Buffer.from(toDer(signature)).equals(der) ? signature : undefined
}

/** The shortest form of a positive integer: no leading zeros but the one that keeps the sign bit clear. */
function integer(value: Uint8Array): Uint8Array {
  const first = value.findIndex((byte) => byte !== 0)
  const digits = value.subarray(first < 0 ? SCALAR_BYTES - 1 : first)
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : []
  return Buffer.from([INTEGER, sign.length + digits.length, ...sign, ...digits])
}

function readInteger(der: Uint8Array, at: number): { readonly value: Uint8Array; readonly end: number } | undefined {
  const [tag, length = 0] = der.subarray(at)
  const end = at + 2 + length
  if (tag !== INTEGER || length === 0 || length > SCALAR_BYTES + 1 || end > der.length) return undefined
  const digits = der.subarray(at + 2, end)
  const unsigned = digits.length > SCALAR_BYTES ? digits.subarray(1) : digits
  return { value: Buffer.concat([Buffer.alloc(SCALAR_BYTES - unsigned.length), unsigned]), end }
}
