import { SCALAR_BYTES } from "./curve.ts"

/**
 * Arithmetic modulo the order n of secp256k1 for a polynomial's value at a small public argument. Time and memory accesses depend on lengths only, everything lies
 * in arrays of the caller's, and no number reaches 2³¹, so that no engine puts a part of a secret into a boxed number on its heap. A step of a binding's
 * multiplication and addition, each into a fresh copy, takes twenty times as long.
 */

/** Largest argument of {@link hornerInLimbs}. */
export const MAX_HORNER_ARGUMENT = 255
/** Limbs of a value, the lowest first, 14 bits each but the last, which has 16: its upper 12 are what is over 2²⁵⁶, until it is folded in. */
export const VALUE_LIMBS = 19

const LIMB_BITS = 14
const LIMB_MASK = 0x3fff
const TOP = VALUE_LIMBS - 1
/** Bits of the last limb that are below 2²⁵⁶. */
const TOP_BITS = 4
const TOP_MASK = 0xf

/** 2²⁵⁶ − n (SEC 2 §2.4.1) in limbs of 14 bits: what an overflow of 2²⁵⁶ is worth modulo n. The limbs above {@link WORTH_LIMBS} are zero. */
const OVERFLOW_WORTH: Uint16Array = new Uint16Array(VALUE_LIMBS)
const WORTH_LIMBS = 10
OVERFLOW_WORTH.set([0x3ebf, 0x3f26, 0x1732, 0x0b68, 0x0440, 0x1d7f, 0x150b, 0x08c6, 0x0551, 0x0005])

/** Splits a scalar of 32 bytes, big-endian, into limbs. */
export function toLimbs(bytes: Uint8Array, limbs: Uint16Array): void {
  let bits = 0
  let held = 0
  let limb = 0
  for (let at = SCALAR_BYTES - 1; at >= 0; at--) {
    held |= (bytes[at] ?? 0) << bits
    bits += 8
    if (bits < LIMB_BITS) continue
    limbs[limb++] = held & LIMB_MASK
    held >>>= LIMB_BITS
    bits -= LIMB_BITS
  }
  limbs[limb] = held
}

/**
 * value ← Σ coefficientₖ·argumentᵏ modulo n by Horner's rule, in one pass over the limbs for each coefficient. Not reduced: {@link fromLimbs} does that.
 * @param coefficients one or more values as {@link toLimbs} gives them, the lowest degree first.
 * @param argument from 1 to 255.
 * @param value {@link VALUE_LIMBS}, written over.
 */
export function hornerInLimbs(coefficients: Uint16Array, argument: number, value: Uint16Array): void {
  value.fill(0)
  for (let at = coefficients.length - VALUE_LIMBS; at >= 0; at -= VALUE_LIMBS) {
    // What is over is at most 256, so times the argument below 2¹⁶, and no sum reaches 2³¹. Saying so to the engine (imul, | 0) spares its checks.
    const over = Math.imul((value[TOP] ?? 0) >>> TOP_BITS, argument)
    value[TOP] = (value[TOP] ?? 0) & TOP_MASK
    let carry = 0
    for (let limb = 0; limb < WORTH_LIMBS; limb++) {
      const sum =
        (Math.imul(value[limb] ?? 0, argument) + Math.imul(over, OVERFLOW_WORTH[limb] ?? 0) + (coefficients[at + limb] ?? 0) + carry) | 0
      value[limb] = sum & LIMB_MASK
      carry = sum >>> LIMB_BITS
    }
    for (let limb = WORTH_LIMBS; limb < TOP; limb++) {
      const sum = (Math.imul(value[limb] ?? 0, argument) + (coefficients[at + limb] ?? 0) + carry) | 0
      value[limb] = sum & LIMB_MASK
      carry = sum >>> LIMB_BITS
    }
    value[TOP] = Math.imul(value[TOP] ?? 0, argument) + (coefficients[at + TOP] ?? 0) + carry
  }
}

/** Reduces a value below n, in place, and writes it as 32 bytes, big-endian. Whether it is zero. */
export function fromLimbs(value: Uint16Array, bytes: Uint8Array): boolean {
  // After the first at most one 2²⁵⁶ is over, and then the rest is so small that the second leaves nothing over.
  foldOver(value)
  foldOver(value)
  // value ≥ n exactly when value + (2²⁵⁶ − n) reaches 2²⁵⁶, and then value − n is that sum without the 2²⁵⁶. The addition is done either way.
  addOverflow(value, reachesOrder(value))
  value[TOP] = (value[TOP] ?? 0) & TOP_MASK
  let bits = 0
  let held = 0
  let limb = 0
  let seen = 0
  for (let at = SCALAR_BYTES - 1; at >= 0; at--) {
    // Which turns take up a limb depends on nothing but their number.
    if (bits < 8) {
      held |= (value[limb++] ?? 0) << bits
      bits += LIMB_BITS
    }
    bytes[at] = held
    seen |= held & 0xff
    held >>>= 8
    bits -= 8
  }
  return seen === 0
}

function foldOver(value: Uint16Array): void {
  const over = (value[TOP] ?? 0) >>> TOP_BITS
  value[TOP] = (value[TOP] ?? 0) & TOP_MASK
  addOverflow(value, over)
}

/** value ← value + times·(2²⁵⁶ − n), for `times` up to 256. */
function addOverflow(value: Uint16Array, times: number): void {
  let carry = 0
  for (let limb = 0; limb < TOP; limb++) {
    const sum = (value[limb] ?? 0) + times * (OVERFLOW_WORTH[limb] ?? 0) + carry
    value[limb] = sum & LIMB_MASK
    carry = sum >>> LIMB_BITS
  }
  value[TOP] = (value[TOP] ?? 0) + carry
}

/** 1 when a value below 2²⁵⁶ is n or more, else 0. */
function reachesOrder(value: Uint16Array): number {
  let carry = 0
  for (let limb = 0; limb < TOP; limb++) carry = ((value[limb] ?? 0) + (OVERFLOW_WORTH[limb] ?? 0) + carry) >>> LIMB_BITS
  return ((value[TOP] ?? 0) + carry) >>> TOP_BITS
}
