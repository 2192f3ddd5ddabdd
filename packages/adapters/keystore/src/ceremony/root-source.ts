import { ok, refuse, type Refusal, type Result, type Secret } from "@keygrove/base"
import { clusterIdOf, deriveAnchor, deriveRoot, type ClusterId } from "@keygrove/hierarchy"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { Terminal } from "../terminal/terminal.ts"
import { askShares, readShares } from "./given-shares.ts"
import { askWords, readWords } from "./terminal-words.ts"
import { readWordsPassphrase, type WordsPassphraseSource } from "./words-passphrase.ts"
import { decodeWords, seedOfWords, wordsOfEntropy } from "./words.ts"

/** Where an existing root comes from: its words, from a descriptor or the terminal, or shares of them. */
export interface WordsSource {
  readonly descriptor?: number
  /** SLIP-39 shares instead of the words: from these descriptors, or from the terminal when there are none. */
  readonly shares?: readonly number[]
  /** The passphrase that belongs to the words, if they have one; shares do not hold it. */
  readonly passphrase?: WordsPassphraseSource
}

/** A root that was read. */
export interface ExistingRoot extends Disposable {
  readonly words: readonly string[]
  readonly cluster: ClusterId
  /** s(root). */
  readonly secret: Secret
}

/**
 * Reads a root and checks that it is that of the cluster whose id begins with `cluster`: any 24 words with a right checksum, and any passphrase, are somebody's root. The words are
 * strings, which cannot be wiped, so the process must end afterwards.
 */
export async function readRoot(
  { primitives }: KeystoreTools,
  { cluster, words: source }: { readonly words: WordsSource; readonly cluster: string },
  options: SourceOptions,
): Promise<Result<ExistingRoot>> {
  const words = await existingWords(source, options)
  if (!words.ok) return words
  const read = await existingSeed(words.value, source, { isChecked: true }, options)
  if (!read.ok) return read
  using seed = read.value
  const secret = deriveRoot(primitives, seed)
  using anchor = deriveAnchor(primitives, secret)
  const found = clusterIdOf(primitives, anchor.publicKey)
  if (found.startsWith(cluster)) return ok({ words: words.value, cluster: found, secret, [Symbol.dispose]: () => secret[Symbol.dispose]() })
  secret[Symbol.dispose]()
  return ofAnotherRoot(found, cluster)
}

/** The words of an existing root, checked. */
export async function existingWords({ descriptor, shares }: WordsSource, options: SourceOptions): Promise<Result<readonly string[]>> {
  if (shares !== undefined) return await wordsOfShares(shares, options)
  if (descriptor !== undefined) {
    const text = await readWords(descriptor, options)
    return text.ok ? decodeWords(text.value) : text
  }
  using terminal = Terminal.openControlling()
  if (terminal === undefined) return refuse("WORDS_UNREADABLE", "there is no terminal to ask for the words on; give --words-file FILE")
  return await askWords(terminal, options)
}

/** The BIP39 seed of words and of their passphrase, which is read now. Belongs to the caller. */
export async function existingSeed(
  words: readonly string[],
  { passphrase: source }: Pick<WordsSource, "passphrase">,
  { isChecked }: { readonly isChecked: boolean },
  options: SourceOptions,
): Promise<Result<Secret>> {
  if (source === undefined) return ok(seedOfWords(words))
  const read = await readWordsPassphrase(source, { isChecked }, options)
  if (!read.ok) return read
  using passphrase = read.value
  return ok(seedOfWords(words, passphrase))
}

/** Words and passphrase of another root than the one that is meant. */
export function ofAnotherRoot(found: string, expected: string): Refusal<"WORDS_OF_ANOTHER_ROOT"> {
  return refuse(
    "WORDS_OF_ANOTHER_ROOT",
    `these are the words of cluster ${found.slice(0, 16)}, not of ${expected.slice(0, 16)}; find the right ones, or their passphrase, nothing was made`,
    { cluster: found, expected },
  )
}

async function wordsOfShares(descriptors: readonly number[], options: SourceOptions): Promise<Result<readonly string[]>> {
  const read = await (descriptors.length === 0 ? askShares(options) : readShares(descriptors, options))
  if (!read.ok) return read
  using entropy = read.value
  return ok(wordsOfEntropy(entropy))
}
