import type { CommandSpec, OperandSpec } from "./command.ts"

const cluster: OperandSpec = {
  name: "<CLUSTER>",
  description: "a trusted cluster: its nickname, its id, or the first 8 or more digits of that",
}

/** The commands about other people's clusters. */
export const meetingCommands: readonly CommandSpec[] = [
  {
    name: "meet",
    summary: "meet another person: show a code, or give the one that they show",
    details:
      "Both sides then show four words. Read them to each other, in one room or at least in voices that you know: only if they are the same is nobody in between. Once both " +
      "people have confirmed, each cluster trusts the other, and all its nodes learn it from the ledger. The code alone authorises nothing; it is good once, for five minutes. Without a " +
      "terminal the command ends when the words are there, and is run again with --meeting and --confirm-words.",
    operands: [{ name: "[CODE]", description: "what the other side shows, kgmeet1…" }],
    options: [
      { flags: "--name <NAME>", description: "what this node is to call the other cluster; nobody else learns it" },
      { flags: "--code-out <FILE>", description: "write the code to FILE too" },
      { flags: "--meeting <ID>", description: "go on with a meeting that was begun before" },
      {
        flags: "--confirm-words <WORDS>",
        description: "confirm if these, the words that the other side shows, are those of this side; ends the meeting if they are not",
      },
    ],
    examples: [
      "keygrove meet",
      "keygrove meet kgmeet1… --name bob",
      'keygrove meet --meeting 3f9c… --confirm-words "apple river stone kite"',
    ],
    load: () => import("./commands/meet.ts"),
  },
  {
    name: "trust list",
    summary: "the clusters that this one trusts, and how far their key chains are known",
    details:
      "`stale`: the cluster's root was replaced after you met, so meet again. `unverified`: its key chain has not reached this node yet. Names and times are this node's own.",
    examples: ["keygrove trust list", "keygrove trust list --json"],
    load: () => import("./commands/trust-list.ts"),
  },
  {
    name: "trust rename",
    summary: "give a trusted cluster another nickname, on this node",
    operands: [cluster, { name: "<NAME>", description: "1 to 32 letters, digits, spaces, . _ and -" }],
    examples: ["keygrove trust rename 6f0c1d2e bob"],
    load: () => import("./commands/trust-rename.ts"),
  },
  {
    name: "trust remove",
    summary: "trust a cluster no longer, on all nodes of this one",
    operands: [cluster],
    options: [{ flags: "--yes", description: "do not ask" }],
    examples: ["keygrove trust remove bob"],
    load: () => import("./commands/trust-remove.ts"),
  },
]
