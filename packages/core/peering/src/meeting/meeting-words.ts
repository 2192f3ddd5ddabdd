import { encodeInfo, type Primitives } from "@keygrove/crypto"
import { wordlist } from "@scure/bip39/wordlists/english.js"

/** How many words people compare. */
export const MEETING_WORDS = 4
const WORD_BITS = 11

/**
 * What both people compare: the first 44 bits of SHA-256(info("keygrove/v1/meet-words", transcript)) as four words of BIP 39's English list. Whoever sits in between
 * has one try at two transcripts that give the same.
 * @param transcript 32 bytes.
 */
export function meetingWords(primitives: Pick<Primitives, "sha256">, transcript: Uint8Array): readonly string[] {
  const digest = primitives.sha256(encodeInfo(["keygrove/v1/meet-words", transcript]))
  return Array.from({ length: MEETING_WORDS }, (_, index) => wordlist[bitsAt(digest, index * WORD_BITS)] ?? "")
}

/** Eleven bits as a number, the first being the highest. */
function bitsAt(bytes: Uint8Array, offset: number): number {
  let value = 0
  for (let bit = offset; bit < offset + WORD_BITS; bit++) value = (value << 1) | (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1)
  return value
}
