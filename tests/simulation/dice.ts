/** Choices that depend on a seed only. Not for keys. */
export class Dice {
  #state: number

  /** @param seed a whole number; only its lowest 32 bits count. */
  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 ≤ result < limit. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit)
  }

  /** min ≤ result ≤ max. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1)
  }

  chance(probability: number): boolean {
    return this.#next() < probability
  }

  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.below(choices.length)]
    if (chosen === undefined) throw new RangeError("there is nothing to choose from")
    return chosen
  }

  /** One of them, or `undefined` when there is none. */
  pickAny<T>(choices: readonly T[]): T | undefined {
    return choices.length === 0 ? undefined : this.pick(choices)
  }

  /** Chooses by weights. */
  weighted<T>(choices: readonly (readonly [number, T])[]): T {
    let left = this.#next() * choices.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, choice] of choices) {
      left -= weight
      if (left < 0) return choice
    }
    return this.pick(choices.map(([, choice]) => choice))
  }

  /** A choice of its own for each name, whatever was chosen before. */
  of(name: string): number {
    let hash = this.#state ^ 0x811c9dc5
    for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
    return mixed(hash >>> 0) / 4_294_967_296
  }

  /** Splitmix32: the state counts, the output is mixed. */
  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    return mixed(this.#state) / 4_294_967_296
  }
}

function mixed(value: number): number {
  const first = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
  const second = Math.imul(first ^ (first >>> 15), 0x735a2d97)
  return (second ^ (second >>> 15)) >>> 0
}
