/** What is known of a node that is about to start. */
export interface StartFacts {
  /** `--locked`. */
  readonly locked: boolean
  /** Whether a passphrase or key file was given with the command. */
  readonly isGiven: boolean
  /** Whether `config.json` says that peers unlock it, and whether its keystore has anything that they could. */
  readonly unlocksByPieces: boolean
  readonly opensByPieces: boolean
  /** Whether `config.json` names a key file. */
  readonly hasKeyFile: boolean
  /** Whether there is somebody to ask. */
  readonly hasTerminal: boolean
}

/** What a node is started with: nothing, what was given, its peers, the key file of its configuration, or a passphrase that is asked for. */
export type StartMeans = "locked" | "given" | "pieces" | "key file" | "passphrase"

/**
 * What counts is what was given; else what the node was set up with. A member whose pieces are not out yet, or out no more, starts as it did before it was one, where that can be: without a key file and a terminal it
 * waits locked, and says so.
 */
export function startMeans({ hasKeyFile, hasTerminal, isGiven, locked, opensByPieces, unlocksByPieces }: StartFacts): StartMeans {
  if (locked) return "locked"
  if (isGiven) return "given"
  if (unlocksByPieces && (opensByPieces || !(hasKeyFile || hasTerminal))) return "pieces"
  return hasKeyFile ? "key file" : "passphrase"
}
