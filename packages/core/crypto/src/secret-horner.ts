import { SCALAR_BYTES } from "./curve.ts"

/** Largest factor of {@link hornerStep}. It keeps every product below 2³¹, so that no engine puts a part of a secret into a boxed number on its heap. */
export const MAX_HORNER_FACTOR = 255

const LIMB_BITS = 16
const LIMB_MASK = 0xffff
const LIMBS = SCALAR_BYTES / 2

/** 2²⁵⁶ − n for the order n of secp256k1 (SEC 2 §2.4.1), in limbs of 16 bits, the lowest first: what an overflow of 2²⁵⁶ is worth modulo n. */
const OVERFLOW_WORTH: readonly number[] = [0xbebf, 0x2fc9, 0xa173, 0x402d, 0x5fc4, 0x50b7, 0x2319, 0x4551, 0x1]

/**
 * value ← value·factor + addend modulo n, in place. Both are 32 bytes, big-endian; the result is below 2²⁵⁶ but not always below n, see {@link reduceScalar}.
 * Its time and its memory accesses depend on nothing but the lengths. A step of a binding's multiplication and addition, each with a copy, takes 40 times as long.
 */
export function hornerStep(value: Uint8Array, factor: number, addend: Uint8Array): void {
  let carry = 0
  for (let limb = 0; limb < LIMBS; limb++) {
    const product = limbOf(value, limb) * factor + limbOf(addend, limb) + carry
    setLimb(value, limb, product)
    carry = product >>> LIMB_BITS
  }
  // The carry is at most 256, so once folded in, at most one more 2²⁵⁶ is over; what then remains is below 2¹³⁸, and the second fold carries nothing out.
  addOverflow(value, addOverflow(value, carry))
}

/** Brings a value below 2²⁵⁶ below n, in place, by at most one subtraction, which is done either way. Whether the result is zero. */
export function reduceScalar(value: Uint8Array): boolean {
  // value ≥ n exactly when value + (2²⁵⁶ − n) leaves 256 bits, and then value − n is what remains of that sum.
  let carry = 0
  for (let limb = 0; limb < LIMBS; limb++) carry = (limbOf(value, limb) + (OVERFLOW_WORTH[limb] ?? 0) + carry) >>> LIMB_BITS
  addOverflow(value, carry)
  let bits = 0
  for (let limb = 0; limb < LIMBS; limb++) bits |= limbOf(value, limb)
  return bits === 0
}

/** value ← value + times·(2²⁵⁶ − n) modulo 2²⁵⁶, for `times` up to 256. What left the 256 bits: 0 or 1. */
function addOverflow(value: Uint8Array, times: number): number {
  let carry = 0
  for (let limb = 0; limb < LIMBS; limb++) {
    const sum = limbOf(value, limb) + times * (OVERFLOW_WORTH[limb] ?? 0) + carry
    setLimb(value, limb, sum)
    carry = sum >>> LIMB_BITS
  }
  return carry
}

function limbOf(bytes: Uint8Array, limb: number): number {
  const at = SCALAR_BYTES - 2 - 2 * limb
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function setLimb(bytes: Uint8Array, limb: number, value: number): void {
  const at = SCALAR_BYTES - 2 - 2 * limb
  const kept = value & LIMB_MASK
  bytes[at] = kept >>> 8
  bytes[at + 1] = kept
}
