import { pbkdf2Sync } from "node:crypto"
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { ok, refuse, Secret, type RandomBytes, type Result } from "@keygrove/base"

/** Words of a root key: 256 bits and their checksum (BIP39). */
export const WORD_COUNT = 24
/** Bytes that the words spell. */
export const ENTROPY_BYTES = 32
const SALT_PREFIX: Uint8Array = Buffer.from("mnemonic")

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
  // No suggestion: the nearest word of the list is most likely the secret one, and a message may end in a log.
  if (unknown >= 0)
    return refuse("WORD_UNKNOWN", `word ${unknown + 1} is not in the BIP39 English list; check its spelling`, { position: unknown + 1 })
  try {
    mnemonicToEntropy(words.join(" "), wordlist).fill(0)
    return ok(words)
  } catch {
    return refuse("WORDS_CHECKSUM", "the words do not belong together; check their order and that none was mistaken for another")
  }
}

/** The 32 bytes that checked words spell. Belong to the caller. */
export function entropyOfWords(words: readonly string[]): Secret {
  return Secret.take(mnemonicToEntropy(words.join(" "), wordlist))
}

/** The words that spell 32 bytes; `entropy` stays the caller's. */
export function wordsOfEntropy(entropy: Secret): readonly string[] {
  return entropy.expose((bytes) => entropyToMnemonic(bytes, wordlist).split(" "))
}

/**
 * The 64-byte BIP39 seed of checked words and of their passphrase, in UTF-8 and NFKD, if they have one: PBKDF2-HMAC-SHA512 with 2,048 rounds, by the
 * platform, because the library's takes 200 ms. Belongs to the caller, as the passphrase does.
 */
export function seedOfWords(words: readonly string[], passphrase?: Secret): Secret {
  using salt = Secret.fill(SALT_PREFIX.length + (passphrase?.length ?? 0), (bytes) => {
    bytes.set(SALT_PREFIX)
    passphrase?.expose((inner) => bytes.set(inner, SALT_PREFIX.length))
  })
  return Secret.take(salt.expose((salted) => pbkdf2Sync(words.join(" "), salted, 2_048, 64, "sha512")))
}
