/** 2²⁵⁵ − 19, little-endian. */
const FIELD_PRIME = littleEndian(2n ** 255n - 19n)
/** Order of the prime-order subgroup (RFC 8032 §5.1), little-endian. */
const GROUP_ORDER = littleEndian(2n ** 252n + 27742317777372353535851937790883648493n)

/** The y coordinates of the eight points of small order: orders 4, 1, 2, 8 and 8; the sign of x does not matter. */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  littleEndian(0n),
  littleEndian(1n),
  littleEndian(2n ** 255n - 20n),
  littleEndian(0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n),
  littleEndian(2n ** 255n - 19n - 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n),
]

/**
 * The part of strict Ed25519 verification that libraries disagree on, done before either is asked, so that every node reaches the same
 * verdict on every ledger entry: lengths; s < L (RFC 8032 §5.1.7); A and R canonical (y < p) and not of small order.
 * After it, implementations use the cofactorless equation (as libsodium). Public data only; variable time.
 */
export function isStrictEd25519Input(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  return isStrictPoint(publicKey) && isStrictPoint(signature.subarray(0, 32)) && isBelow(signature.subarray(32), GROUP_ORDER)
}

function isStrictPoint(encoded: Uint8Array): boolean {
  // A copy also of a Buffer, whose own `slice` shares its memory.
  const y = Uint8Array.from(encoded)
  y[31] = (y[31] ?? 0) & 0x7f
  return isBelow(y, FIELD_PRIME) && !SMALL_ORDER_Y.some((small) => small.every((byte, index) => byte === y[index]))
}

function isBelow(value: Uint8Array, limit: Uint8Array): boolean {
  for (let index = 31; index >= 0; index--) {
    const difference = (value[index] ?? 0) - (limit[index] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn))
}
