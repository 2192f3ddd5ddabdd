/** What is known of a node that is about to start. */
export interface StartFacts {
  /** `--locked`. */
  readonly locked: boolean
  /** Whether a passphrase or key file was given with the command. */
  readonly isGiven: boolean
  /** Who unlocks it, as `config.json` says: its peers, or a grant of another node's label. */
  readonly others: "pieces" | "delegated" | undefined
  /** Whether its keystore has anything that they could open. */
  readonly opensByOthers: boolean
  /** Whether `config.json` names a key file. */
  readonly hasKeyFile: boolean
  /** Whether there is somebody to ask. */
  readonly hasTerminal: boolean
}

/** What a node is started with: nothing, what was given, others, the key file of its configuration, or a passphrase that is asked for. */
export type StartMeans = "locked" | "given" | "pieces" | "delegated" | "key file" | "passphrase"

/**
 * What counts is what was given; else what the node was set up with. A node of which others have nothing yet, or no more, starts as it did before they were asked, where that can be: without a key file and a terminal it
 * waits locked, and says so.
 */
export function startMeans({ hasKeyFile, hasTerminal, isGiven, locked, opensByOthers, others }: StartFacts): StartMeans {
  if (locked) return "locked"
  if (isGiven) return "given"
  if (others !== undefined && (opensByOthers || !(hasKeyFile || hasTerminal))) return others
  return hasKeyFile ? "key file" : "passphrase"
}
