/** 10-bit words of an RS1024 checksum. */
export const CHECKSUM_WORDS = 3

const GENERATOR: readonly number[] = [
  0xe0e040, 0x1c1c080, 0x3838100, 0x7070200, 0xe0e0009, 0x1c0c2412, 0x38086c24, 0x3090fc48, 0x21b1f890, 0x3f3f120,
]

/** The three words that make an RS1024 codeword of `words`; it finds any three wrong words. Shares of both kinds have their own prefix. */
export function checksumOf(words: readonly number[], isExtendable: boolean): readonly number[] {
  const rest = remainder([...words, 0, 0, 0], isExtendable) ^ 1
  return [(rest >> 20) & 1_023, (rest >> 10) & 1_023, rest & 1_023]
}

/** Whether words that end in their checksum belong together. */
export function holdsChecksum(words: readonly number[], isExtendable: boolean): boolean {
  return remainder(words, isExtendable) === 1
}

function remainder(words: readonly number[], isExtendable: boolean): number {
  const prefix = Buffer.from(isExtendable ? "shamir_extendable" : "shamir")
  let rest = 1
  for (const value of [...prefix, ...words]) {
    const top = rest >> 20
    rest = ((rest & 0xfffff) << 10) ^ value
    for (const [bit, term] of GENERATOR.entries()) rest ^= term & -((top >> bit) & 1)
  }
  return rest
}
