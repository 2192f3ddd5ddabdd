import type { CommandSpec, OptionSpec } from "./command.ts"
import { clusterOption, newWordsPassphraseOptions, sharesOptions, wordsPassphraseOptions } from "./root/root-options.ts"

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
    name: "root rekey",
    summary: "replace the root by another one, because somebody may know its words; or tell how far that is",
    details:
      "Asks for the old words, makes new ones as `init` does, and makes an invitation for every node, all of them under one moving code of six words, which is shown once. The running " +
      "node then puts the new root on the ledger. From there on no node below the old one encrypts or grants until its person has moved it (`node move`) with that code; it goes on opening, serving " +
      "and revoking. Trusted clusters have to meet you again. What was cut off goes on at the next start. With a plan in this home, and without options: how far it is.",
    options: [
      wordsFile,
      ...sharesOptions,
      ...wordsPassphraseOptions,
      ...newWordsPassphraseOptions,
      { flags: "--words-out <FILE>", description: "write the new words to FILE (mode 0600) instead of showing them" },
      { flags: "--code-out <FILE>", description: "write the moving code to FILE (mode 0600) instead of showing it" },
      { flags: "--ledger <ADDRESS>", description: "where the nodes follow the ledger (default: where this one has it)" },
      { flags: "--invitation <NAME>", description: "show a node's invitation of the plan that this home has, to carry it there by hand" },
      { flags: "--yes", description: "do not ask whether the root is to be replaced" },
    ],
    examples: [
      "keygrove root rekey",
      "keygrove root rekey --words-file words.txt --words-out new-words.txt --code-out code.txt --yes",
      "keygrove root rekey --invitation /phone > phone.invite",
    ],
    load: () => import("./commands/root-rekey.ts"),
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
