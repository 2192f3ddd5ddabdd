/** How long a member waits for others before it does what follows, in milliseconds of its own clock. Each node has its own; where they differ, whoever waits the shortest acts first. */
export interface CustodyWaits {
  /** An owner that has not shared in a complete key generation for so long is taken to be off, and its sharing is moved there without it. */
  readonly ownerMs: number
  /** How long the newest attempt to move a sharing has to end before another begins; twice as long after each. */
  readonly attemptMs: number
  /** A key generation in which no majority has shared for so long is aborted. */
  readonly generationMs: number
  /** How long a node tries to become a member before it undoes what it did. */
  readonly joinMs: number
}

/** The waits of a node that is told nothing else. */
export const DEFAULT_WAITS: CustodyWaits = { ownerMs: 600_000, attemptMs: 120_000, generationMs: 600_000, joinMs: 900_000 }

const LONGEST_PLACE_MS = 15_000
const SHORTEST_PLACE_MS = 1_000
const PLACES_IN_WAIT = 40

/** What each place among the members waits longer than the one before it when sharings are moved: a fortieth of the wait for the owner, 1 to 15 s. */
export function movePlaceMs({ ownerMs }: Pick<CustodyWaits, "ownerMs">): number {
  return Math.min(LONGEST_PLACE_MS, Math.max(SHORTEST_PLACE_MS, ownerMs / PLACES_IN_WAIT))
}
