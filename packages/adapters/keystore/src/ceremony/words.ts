import { pbkdf2Sync } from "node:crypto"
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { ok, refuse, Secret, type RandomBytes, type Result } from "@keygrove/base"

/** Words of a root key: 256 bits and their checksum (BIP39). */
export const WORD_COUNT = 24
const ENTROPY_BYTES = 32

export type WordsRefusal = "WORDS_COUNT" | "WORD_UNKNOWN" | "WORDS_CHECKSUM"

/**
 * The words of a new root key. They are strings, which cannot be wiped: only the ceremony handles them, a process that ends right after
 * (docs/decisions/ceremony-process.md).
 */
export function newWords(random: RandomBytes): readonly string[] {
  const entropy = random(ENTROPY_BYTES)
  try {
    return entropyToMnemonic(entropy, wordlist).split(" ")
  } finally {
    entropy.fill(0)
  }
}

/** Checks typed words: their number, each against the list, and the checksum. Names a word's position, never the words. */
export function decodeWords(text: string): Result<readonly string[], WordsRefusal> {
  const words = text
    .normalize("NFKD")
    .toLowerCase()
    .split(/[\s\d.,]+/u)
    .filter((word) => word !== "")
  if (words.length !== WORD_COUNT)
    return refuse("WORDS_COUNT", `there are ${words.length} words; enter all ${WORD_COUNT} in order`, { count: words.length })
  const unknown = words.findIndex((word) => !wordlist.includes(word))
  if (unknown >= 0) {
    const suggestion = closestWord(words[unknown] ?? "")
    return refuse("WORD_UNKNOWN", `word ${unknown + 1} is not in the list; did you mean "${suggestion}"?`, { position: unknown + 1 })
  }
  try {
    mnemonicToEntropy(words.join(" "), wordlist).fill(0)
    return ok(words)
  } catch {
    return refuse("WORDS_CHECKSUM", "the words do not belong together; check their order and that none was mistaken for another")
  }
}

/**
 * The 64-byte BIP39 seed of checked words, without a passphrase: PBKDF2-HMAC-SHA512 with 2,048 rounds, by the platform, because
 * the library's takes 200 ms. Belongs to the caller.
 */
export function seedOfWords(words: readonly string[]): Secret {
  return Secret.take(new Uint8Array(pbkdf2Sync(words.join(" "), "mnemonic", 2_048, 64, "sha512")))
}

/** The word of the list with the least edit distance; the first of several. */
function closestWord(typed: string): string {
  const distances = wordlist.map((word) => ({ word, distance: editDistance(typed.slice(0, 16), word) }))
  return distances.reduce((best, candidate) => (candidate.distance < best.distance ? candidate : best)).word
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [row, letter] of [...a].entries()) {
    const current = [row + 1]
    for (const [column, other] of [...b].entries()) {
      current.push(
        Math.min((previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1, (previous[column] ?? 0) + (letter === other ? 0 : 1)),
      )
    }
    previous = current
  }
  return previous.at(-1) ?? 0
}
