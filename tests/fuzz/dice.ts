/** Uniform whole numbers below `sides`. */
export type Dice = (sides: number) => number

/** A small generator (xorshift) of a seed: fast enough for millions of inputs, and the seed brings a failing one back. */
export function dice(seed: number): Dice {
  let state = Math.imul(seed, 0x9e37_79b1) | 1
  return (sides) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % sides
  }
}

/** One of them. */
export function pick<T>(roll: Dice, choices: readonly T[]): T {
  const chosen = choices[roll(choices.length)]
  if (chosen === undefined) throw new RangeError("nothing to choose from")
  return chosen
}
