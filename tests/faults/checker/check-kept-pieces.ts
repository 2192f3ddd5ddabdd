import type { Violation } from "./history.ts"

/** A key piece as it lies in a node's database. */
export interface KeptPiece {
  readonly holder: string
  readonly owner: string
  readonly generation: number
  readonly index: number
  /** 64 hex digits. */
  readonly sharing: string
}

/** Nobody may hold two pieces of one owner and key generation, nor two nodes the same piece: a majority would be fewer nodes than it seems. */
export function checkKeptPieces(kept: readonly KeptPiece[]): readonly Violation[] {
  // Else it proved nothing.
  if (kept.length === 0) return [{ kind: "pieces", message: "nobody keeps a piece" }]
  return [
    ...twice(kept.map(({ generation, holder, owner }) => `${holder} keeps two pieces of ${owner} in key generation ${generation}`)),
    ...twice(kept.map(({ index, owner, sharing }) => `piece ${index} of ${owner} (sharing ${sharing}) is kept by two nodes`)),
    ...kept
      .filter(({ holder, owner }) => holder === owner)
      .map(({ generation, holder }): Violation => ({
        kind: "pieces",
        message: `${holder} keeps a piece of itself in key generation ${generation}`,
      })),
  ]
}

/** What is said more than once, each time after the first. */
function twice(lines: readonly string[]): readonly Violation[] {
  return lines.filter((line, index) => lines.indexOf(line) < index).map((message) => ({ kind: "pieces", message }))
}
