import type { CommandSpec, OperandSpec, OptionSpec } from "./command.ts"
import { etcdOptions } from "./etcd-options.ts"
import { unlockGenerated } from "./home-options.ts"
import { sharesOptions, wordsPassphraseOptions } from "./root/root-options.ts"

const node: OperandSpec = {
  name: "<NAME>",
  description: "a child of this home's node by its name, e.g. phone, or any node by its path, e.g. /server",
}
const passphraseFile: OptionSpec = {
  flags: "--passphrase-file <FILE>",
  description: "read this home's passphrase from FILE's first line (`-`: standard input) instead of the terminal",
}
const wordsFile: OptionSpec = {
  flags: "--words-file <FILE>",
  description: "have the root sign, and read its words from FILE (`-`: standard input) instead of the terminal",
}
const root: OptionSpec = { flags: "--root", description: "have the root sign, with its words from the terminal, where this node could too" }
const signing: readonly OptionSpec[] = [passphraseFile, wordsFile, ...sharesOptions, ...wordsPassphraseOptions, root]
const inviting: readonly OptionSpec[] = [
  { flags: "-o, --out <FILE>", description: "write the invitation to FILE instead of standard output" },
  { flags: "--code-out <FILE>", description: "write the code to FILE (mode 0600) instead of showing it on the terminal" },
  { flags: "--ledger <ADDRESS>", description: "where the new node follows the ledger (default: where this one has it)" },
  ...signing,
]

/** The commands about the tree of nodes. */
export const treeCommands: readonly CommandSpec[] = [
  {
    name: "node list",
    summary: "the nodes of the cluster, and those that are gone",
    details:
      "`invited` nodes are certified and have not been heard of yet; a node that owes an epoch was ordered to rekey and has not done so.",
    examples: ["keygrove node list", "keygrove node list --json"],
    load: () => import("./commands/node-list.ts"),
  },
  {
    name: "node invite",
    summary: "certify a new child and make the invitation with which it joins",
    details:
      "The invitation holds the child's secret, sealed under a code of six words that is shown once; send the two by different ways. This node's anchor signs, " +
      "for which its keystore is opened again; a node directly below the root is signed by the root and its words.",
    operands: [node],
    options: inviting,
    examples: ["keygrove node invite phone -o phone.invite", "keygrove node invite /server --words-file words.txt -o server.invite"],
    load: () => import("./commands/node-invite.ts"),
  },
  {
    name: "node replace",
    summary: "give a node a new generation: new keys, and the old ones end",
    details:
      "For a node whose keys may be in foreign hands, whose machine is lost, or that was revoked. All nodes below it end with it and are invited anew. The new machine " +
      "joins with the invitation that this makes.",
    operands: [node],
    options: inviting,
    examples: ["keygrove node replace phone -o phone.invite"],
    load: () => import("./commands/node-replace.ts"),
  },
  {
    name: "node revoke",
    summary: "end a node and all below it, for ever",
    details:
      "What it wrote before still counts, unless --last-good names the last entry that is believed; policies and trust that it gave after that end too. Every node above " +
      "it may do this, and the root.",
    operands: [node],
    options: [
      { flags: "--reason <WHY>", description: "compromised, or retired", required: true, values: ["compromised", "retired"] },
      {
        flags: "--last-good <INDEX>",
        description: "with compromised: the last entry of the ledger that is believed of it; see `ledger log`",
      },
      { flags: "--last", description: "also when no other node would be left below the root" },
      ...signing,
    ],
    examples: [
      "keygrove node revoke phone --reason retired",
      "keygrove node revoke /laptop --reason compromised --last-good 41 --words-file words.txt",
    ],
    load: () => import("./commands/node-revoke.ts"),
  },
  {
    name: "node rekey",
    summary: "give this home's node its next keys, or order a node below to take them",
    details:
      "Without NAME: this node enters its next epoch. Its keystore is opened again for that; no parent and no restart is needed, old data stays readable, others learn the new keys " +
      "from the ledger, and grants are made again in the background. Who had the old keys knows nothing of the new ones. When the node does not run, the epoch is prepared and " +
      "counts from its next start on. With NAME: an order, which this node's anchor signs, or the root; the node there warns in `status` until its person has done it.",
    operands: [{ ...node, name: "[NAME]" }],
    options: signing,
    examples: ["keygrove node rekey", "keygrove node rekey phone", "keygrove node rekey /server --words-file words.txt"],
    load: () => import("./commands/node-rekey.ts"),
  },
  {
    name: "node move",
    summary: "move this home's node to the root that replaced its own",
    details:
      "For a node that must not run meanwhile (`down`, `node move`, `up`). Asks for the moving code that `root rekey` showed, and for this home's passphrase. The running node has got its invitation from the one " +
      "with the plan, and the proof that the root was replaced is in this home's ledger, so nobody else has to be in reach. Everything that the node could open it opens as before. May be repeated when it was cut off.",
    operands: [
      {
        name: "[INVITATION]",
        description: "kginvite1…, or a file that holds it, when this home has not got it by itself (`-`: standard input)",
      },
    ],
    options: [{ flags: "--code-file <FILE>", description: "read the moving code from FILE instead of the terminal" }, passphraseFile],
    examples: ["keygrove node move", "keygrove node move phone.invite --code-file code.txt"],
    load: () => import("./commands/node-move.ts"),
  },
  {
    name: "node recover",
    summary: "make a home for a node below this one whose machine is lost",
    details:
      "Derives the node's secret again, from this home's node or from the root and its words, through the generations that the ledger certified, and seals it under a new passphrase. " +
      "The new home opens the node's files, of every epoch, and with --keystore its named keys. A node that was revoked or replaced stays so: its home follows nobody and " +
      "says what it is. Needs no running node. When the lost machine may be in foreign hands, give the node new keys with `node replace` as well.",
    operands: [node],
    options: [
      { flags: "--to <DIR>", description: "the new home; it must not exist or be empty", required: true },
      { flags: "--generation <N>", description: "which generation of the node (default: the newest)" },
      { flags: "--keystore <FILE>", description: "bring over the named keys of the lost machine's keystore.db" },
      { flags: "--audit <FILE>", description: "with --keystore: continue its audit.db instead of beginning a new one" },
      { flags: "--ledger-file <FILE>", description: "the ledger.db to recover from (default: that of this home)" },
      {
        flags: "--ledger <ADDRESS>",
        description:
          "where the new home follows the ledger; `embedded`: it is the host (default: as this home has it, files of etcd too, while the node is a member, else a copy)",
      },
      ...etcdOptions,
      { flags: "--cluster <ID>", description: "which cluster of the ledger (default: this home's); its id or the first digits" },
      { flags: "--listen <ADDRESS>", description: "where other nodes reach the new home (default: /ip4/127.0.0.1/tcp/0)" },
      { flags: "--rpc-port <PORT>", description: "TCP port of JSON-RPC of the new home on 127.0.0.1 (default: 0: only the Unix socket)" },
      passphraseFile,
      {
        flags: "--passphrase-file-new <FILE>",
        description: "read the new home's passphrase from FILE's first line instead of the terminal",
      },
      { flags: "--key-file-new <FILE>", description: "the 32 random bytes in FILE lock the new home; made if missing" },
      { flags: "--words-file <FILE>", description: "recover from the root, and read its words from FILE (`-`: standard input)" },
      ...sharesOptions,
      ...wordsPassphraseOptions,
      { flags: "--root", description: "recover from the root, with its words from the terminal, where this node could too" },
    ],
    examples: [
      "keygrove node recover phone --to ~/phone --keystore backup/keystore.db",
      "keygrove node recover /laptop/phone --to ~/phone --words-file words.txt --ledger-file backup/ledger.db",
    ],
    load: () => import("./commands/node-recover.ts"),
  },
  {
    name: "join",
    summary: "make this home the node that an invitation speaks of",
    details:
      "Asks for the code that came with the invitation. Nothing is contacted; `keygrove up` then follows the ledger and names the node's first keys.",
    operands: [{ name: "<INVITATION>", description: "kginvite1…, or a file that holds it (`-`: standard input)" }],
    options: [
      { flags: "--code-file <FILE>", description: "read the code from FILE instead of the terminal" },
      {
        flags: "--listen <ADDRESS>",
        description: "where other nodes reach this one, e.g. /ip4/192.0.2.7/tcp/7410 (default: /ip4/127.0.0.1/tcp/0)",
      },
      { flags: "--rpc-port <PORT>", description: "TCP port of JSON-RPC on 127.0.0.1 (default: 7411; 0: only the Unix socket)" },
      {
        flags: "--passphrase-file <FILE>",
        description: "read the new home's passphrase from FILE's first line (`-`: standard input) instead of the terminal",
      },
      {
        flags: "--key-file <FILE>",
        description: "the 32 random bytes in FILE lock the keystore instead of a passphrase; join makes the file if missing",
      },
      ...etcdOptions,
      unlockGenerated,
    ],
    examples: ["keygrove join phone.invite", "keygrove join kginvite1… --home ~/phone --rpc-port 0"],
    load: () => import("./commands/join.ts"),
  },
]
