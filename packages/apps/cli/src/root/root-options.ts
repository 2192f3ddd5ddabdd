import type { OptionSpec } from "../command.ts"

/** Where a root that exists comes from. */
export const sharesOptions: readonly OptionSpec[] = [
  { flags: "--shares", description: "ask for SLIP-39 shares on the terminal instead of the words" },
  {
    flags: "--shares-file <FILE>",
    description: "read shares from FILE, or from the share-….txt of a directory (`-`: standard input); once for each",
    repeatable: true,
  },
]

/** The passphrase that belongs to the words. */
export const wordsPassphraseOptions: readonly OptionSpec[] = [
  { flags: "--words-passphrase", description: "the words have a passphrase (BIP39): ask for it on the terminal" },
  { flags: "--words-passphrase-file <FILE>", description: "read the passphrase of the words from FILE's first line (`-`: standard input)" },
]

/** The passphrase that new words get. */
export const newWordsPassphraseOptions: readonly OptionSpec[] = [
  { flags: "--new-words-passphrase", description: "give the new words a passphrase of their own (BIP39): ask for it on the terminal" },
  {
    flags: "--new-words-passphrase-file <FILE>",
    description: "give the new words the passphrase in FILE's first line (`-`: standard input)",
  },
]

/** Which cluster the root must be of. */
export const clusterOption: OptionSpec = {
  flags: "--cluster <ID>",
  description: "compare with this cluster instead of the home's: its id, the first digits of it, or what the sheet's QR code says",
}
