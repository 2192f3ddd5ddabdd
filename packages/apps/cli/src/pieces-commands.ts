import type { CommandSpec } from "./command.ts"

/** The commands about key pieces. */
export const piecesCommands: readonly CommandSpec[] = [
  {
    name: "unlock requests",
    summary: "locked nodes that wait for a person's approval",
    details: "Those that asked this node within the last 15 minutes. Compare the digits with those that the locked node shows.",
    examples: ["keygrove unlock requests"],
    load: () => import("./commands/unlock-requests.ts"),
  },
  {
    name: "unlock approve",
    summary: "have a locked node given its pieces",
    details:
      "For a node whose pieces are given back with `--unlock approve` only. Approve what you started yourself: whoever has its disk asks in the same way.",
    operands: [{ name: "<NAME>", description: "the locked node: a child of this home's node by its name, or any node by its path" }],
    options: [{ flags: "--request <CODE>", description: "the digits that the locked node shows; needed when it asked more than once" }],
    examples: ["keygrove unlock approve /server --request 3f9c0a1b"],
    load: () => import("./commands/unlock-approve.ts"),
  },
  {
    name: "unlock delegate",
    summary: "restart without a passphrase: have a grant of another node's label unlock this one, until it is revoked",
    details:
      "A storage key of this node is sealed to the label, and the node reads it under its boot key when it starts: the label's owner grants it, with proxies and an end, and takes it back with `keygrove revoke`. " +
      "Prints what the owner has to run. Without CARD it says how it is. The owner could open the storage key itself, which is good for nothing without this node's disk; use a label for this alone. " +
      "--passphrase-file and --key-file go on working.",
    operands: [{ name: "[CARD]", description: "the label's card, kgl1…, which its owner prints with `keygrove id --label LABEL`" }],
    options: [{ flags: "--off", description: "end it: what was sealed to the label is wiped" }],
    examples: ["keygrove unlock delegate kgl1…", "keygrove unlock delegate", "keygrove unlock delegate --off"],
    load: () => import("./commands/unlock-delegate.ts"),
  },
  {
    name: "pieces join",
    summary: "restart without a passphrase: have other nodes of the cluster keep pieces of this node's storage key",
    details:
      "A majority of the others gives it back when this node starts, fewer know nothing; this node keeps pieces of theirs. It takes three members at least, and returns when this node's pieces " +
      "are with a majority and a key generation is complete; until there are three, at once. From then on `keygrove up` asks the others; --passphrase-file and --key-file go on working.",
    options: [
      {
        flags: "--unlock <HOW>",
        description: "`auto` (default): whoever starts it; `approve`: a person must agree on another node each time",
        values: ["auto", "approve"],
      },
      {
        flags: "--evidence <FAMILY>",
        description: "`tpm2`: give the pieces only to this machine, as its TPM shows it booted now; `none`: to whoever has its disk",
        values: ["tpm2", "none"],
      },
      { flags: "--pcrs <LIST>", description: "with tpm2: registers that count, ascending; 0,2,4,7 unless given" },
      {
        flags: "--accept-digest <HEX>",
        repeatable: true,
        description: "with tpm2: also accept a state of these registers that is known beforehand, such as that after an update; 3 at most",
      },
      {
        flags: "--boot-key <HOW>",
        description:
          "what this node asks its peers with: `tpm`: another key, sealed to this machine's TPM, so that its disk alone asks nothing; `plain`: in the open, as in the beginning. A start by a label " +
          "is set up again afterwards",
        values: ["plain", "tpm"],
      },
      {
        flags: "--boot-pcrs <LIST>",
        description:
          "with --boot-key tpm: only while these registers are what they are now, as in 0,2,4,7; give both again after an update of what they measure",
      },
    ],
    examples: [
      "keygrove pieces join",
      "keygrove pieces join --unlock approve",
      "keygrove pieces join --evidence tpm2",
      "keygrove pieces join --evidence tpm2 --pcrs 0,7",
      "keygrove pieces join --boot-key tpm",
    ],
    load: () => import("./commands/pieces-join.ts"),
  },
  {
    name: "pieces leave",
    summary: "end that: pieces of this node are wiped at the others, and theirs here",
    details: "From then on the node starts with its passphrase or key file only. The other members begin a new key generation.",
    options: [{ flags: "--yes", description: "do not ask" }],
    examples: ["keygrove pieces leave"],
    load: () => import("./commands/pieces-leave.ts"),
  },
  {
    name: "pieces status",
    summary: "who keeps whose pieces, who could be unlocked now, and what a loss of machines would mean",
    examples: ["keygrove pieces status", "keygrove pieces status --json"],
    load: () => import("./commands/pieces-status.ts"),
  },
  {
    name: "pieces measure",
    summary: "what this machine's TPM measured of its boot, and whether the holders of its pieces accept it",
    details: "The digest is what `pieces join --evidence tpm2` has accepted from now on, and what `--accept-digest` takes.",
    options: [{ flags: "--pcrs <LIST>", description: "registers, ascending; those that the holders ask for, or 0,2,4,7, unless given" }],
    examples: ["keygrove pieces measure", "keygrove pieces measure --pcrs 0,7"],
    load: () => import("./commands/pieces-measure.ts"),
  },
  {
    name: "pieces verify",
    summary: "have every holder prove that it has the pieces that it should",
    details: "Nothing of a piece leaves its holder. Ends with status 4 when one has not what it says, and 5 when one does not answer.",
    examples: ["keygrove pieces verify"],
    load: () => import("./commands/pieces-verify.ts"),
  },
  {
    name: "pieces renew",
    summary: "begin a new key generation: a new storage key for every member, and the old pieces are wiped",
    details:
      "When you think that pieces may have been copied. Members that are off follow when they are on again, or others move their pieces.",
    examples: ["keygrove pieces renew"],
    load: () => import("./commands/pieces-renew.ts"),
  },
]
