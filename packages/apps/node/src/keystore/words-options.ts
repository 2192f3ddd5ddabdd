import type { RootRekeyOrder, WordsSource } from "@keygrove/keystore/ceremony"

/** Descriptors that a ceremony inherits beside those of every keystore process: words or a code, the passphrase of the words, then shares. One that opens no keystore has the passphrase of new words where a keystore's would be. */
const NEW_WORDS_PASSPHRASE_DESCRIPTOR = 3
const WORDS_DESCRIPTOR = 5
const WORDS_PASSPHRASE_DESCRIPTOR = 6
const FIRST_SHARE_DESCRIPTOR = 7

/** Options that say where existing words come from; `ceremonyArguments` of home/ceremony-process.ts writes them. */
export const wordsOptions = {
  recover: { type: "string" },
  "share-files": { type: "string" },
  "words-passphrase": { type: "string" },
  "new-words-passphrase": { type: "string" },
} as const

/** As they were given. */
export interface WordsOptions {
  /** `terminal`, `descriptor` or `shares`; absent when nothing that exists is read. */
  readonly recover?: string | undefined
  /** How many descriptors have shares; none when they are typed. */
  readonly "share-files"?: string | undefined
  /** `terminal` or `descriptor`; absent when there is none. */
  readonly "words-passphrase"?: string | undefined
  /** The same of words that are made while others are read. */
  readonly "new-words-passphrase"?: string | undefined
}

/** Where existing words, or a code, come from; `undefined` when nothing is read. */
export function recoverSource({ recover, "share-files": files }: WordsOptions): Pick<WordsSource, "descriptor" | "shares"> | undefined {
  if (recover === undefined) return undefined
  if (recover === "shares") return { shares: Array.from({ length: Number(files ?? 0) }, (_, index) => FIRST_SHARE_DESCRIPTOR + index) }
  return recover === "descriptor" ? { descriptor: WORDS_DESCRIPTOR } : {}
}

/** The passphrase of the words, when they have one. */
export function passphraseSource({ "words-passphrase": from }: WordsOptions): Pick<WordsSource, "passphrase"> {
  if (from === undefined) return {}
  return { passphrase: from === "descriptor" ? { descriptor: WORDS_PASSPHRASE_DESCRIPTOR } : {} }
}

/** The passphrase that words to be made are to have, if any. */
export function newPassphraseSource({ "new-words-passphrase": from }: WordsOptions): Pick<RootRekeyOrder, "newPassphrase"> {
  if (from === undefined) return {}
  return { newPassphrase: from === "descriptor" ? { descriptor: NEW_WORDS_PASSPHRASE_DESCRIPTOR } : {} }
}
