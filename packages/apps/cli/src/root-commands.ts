import type { CommandSpec, OptionSpec } from "./command.ts"
import { clusterOption, sharesOptions, wordsPassphraseOptions } from "./root/root-options.ts"

const wordsFile: OptionSpec = {
  flags: "--words-file <FILE>",
  description: "read the words from FILE (`-`: standard input) instead of the terminal",
}

/** The commands about the root key. */
export const rootCommands: readonly CommandSpec[] = [
  {
    name: "root verify",
    summary: "check that words, or shares, are those of this home's cluster",
    details:
      "Changes nothing and needs no running node. Any 24 words with a right checksum are somebody's root, and every passphrase makes another one of them: " +
      "only the cluster's id tells. Words of another root end with status 4.",
    options: [wordsFile, ...sharesOptions, ...wordsPassphraseOptions, clusterOption],
    examples: [
      "keygrove root verify",
      "keygrove root verify --shares-file share-1-of-3.txt --shares-file share-3-of-3.txt",
      "keygrove root verify --cluster 6f0c41d2 # on a machine without a home",
    ],
    load: () => import("./commands/root-verify.ts"),
  },
  {
    name: "root shares",
    summary: "split the root key into shares on paper (SLIP-39), of which any M open it",
    details:
      "Shows one share after the other, each on a screen of its own with two words asked back, so that each can be given to another person; or writes them to files. Fewer " +
      "than M tell nothing. The words stay valid, and shares of an earlier run too. A passphrase of the words is not in the shares.",
    options: [
      { flags: "-m, --threshold <M>", description: "shares that open the root", required: true },
      { flags: "-n, --shares-count <N>", description: "shares to make, at most 16", required: true },
      { flags: "--out <DIR>", description: "write share-1-of-N.txt … (mode 0600) to DIR instead of showing them" },
      wordsFile,
      ...sharesOptions,
      ...wordsPassphraseOptions,
      clusterOption,
    ],
    examples: ["keygrove root shares -m 2 -n 3", "keygrove root shares -m 3 -n 5 --words-file words.txt --out /media/usb/shares"],
    load: () => import("./commands/root-shares.ts"),
  },
  {
    name: "root words",
    summary: "show the 24 words again, from shares",
    details: "Asks three of them back, as init does.",
    options: [
      ...sharesOptions,
      { flags: "--words-out <FILE>", description: "write the words to FILE (mode 0600) instead of showing them" },
      ...wordsPassphraseOptions,
      clusterOption,
    ],
    examples: ["keygrove root words --shares", "keygrove root words --shares-file shares/ --words-out words.txt"],
    load: () => import("./commands/root-words.ts"),
  },
  {
    name: "root sheet",
    summary: "make a sheet to print and to write the words on; it holds nothing secret",
    details:
      "One page with the cluster's id, boxes for the 24 words and for who holds which share, how to recover, and a QR code of the public part. Needs no passphrase; of a node " +
      "that joined by an invitation it needs the running node.",
    operands: [{ name: "<FILE>", description: "where to write: FILE.svg or FILE.pdf, a new file" }],
    options: [{ flags: "--paper <SIZE>", description: "a4 (default) or letter", values: ["a4", "letter"] }],
    examples: ["keygrove root sheet recovery.pdf", "keygrove root sheet recovery.svg --paper letter"],
    load: () => import("./commands/root-sheet.ts"),
  },
]
