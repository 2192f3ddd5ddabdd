import { equalBytes, unwrap } from "@keygrove/base"
import { decodeEpoch, decodeGeneration, noPreviousRekey, type NodePath, type RekeyStatement } from "@keygrove/hierarchy"
import { hasWiped, standingOfPiece, type CustodyState, type StoredPieceReference } from "@keygrove/pieces"
import { FAKE_POSSESSION, fakeBytes, fakePoint } from "./fake-primitives.contract.ts"
import type { CustodyEvent } from "./naive-custody.contract.ts"
import type { Judgeable } from "./reducer.ts"
import type { LedgerState, NodeState } from "./state.ts"

/** Something that a node wrote, and has perhaps not brought to the ledger yet. */
export interface Written {
  readonly entry: Judgeable
  readonly event: CustodyEvent
}

/** What an entry did. */
export interface Happening {
  readonly entry: Judgeable
  readonly before: LedgerState
  readonly after: LedgerState
  /** `applied`, or why it is void. */
  readonly verdict: string
}

/** One machine. What is `on disk` outlives its crashes. */
export interface WorldNode {
  readonly path: NodePath
  readonly life: number
  key: Uint8Array
  /** How many entries it knows of. */
  seen: number
  /** Cut off from the ledger, and from all that are not. */
  isAway: boolean
  /** Said what is not so: of it nothing is expected but that it cannot hurt. */
  lies: boolean
  /** On disk: by owner and generation, so that there is one at most. */
  readonly pieces: Map<string, StoredPieceReference>
  /** On disk: said, or about to be said, whether or not the ledger has it. */
  wipedUpTo: number
  revision: number
  /** In memory: written while it was away. */
  readonly outbox: Written[]
}

/** A machine that knows nothing yet. */
export function newMachine(path: NodePath, life: number, key: Uint8Array): WorldNode {
  return { path, life, key, seen: 0, isAway: false, lies: false, pieces: new Map(), wipedUpTo: 0, revision: 0, outbox: [] }
}

/** A machine's anchor, in the generation that it is. */
export function anchorOf({ life, path }: Pick<WorldNode, "life" | "path">): Uint8Array {
  return fakeBytes(`anchor ${path} ${life}`)
}

/** The rekey by which a machine names its signing key; the other keys are nobody's concern here. */
export function fakeRekey({ key, life }: WorldNode, found: NodeState | undefined): RekeyStatement {
  const keys = {
    epoch: unwrap(decodeEpoch((found?.keys?.epoch ?? 0) + 1)),
    signingKey: key,
    encryptionKey: fakePoint("any"),
    sealingKey: fakeBytes("any"),
    delegationKey: fakePoint("any"),
  }
  const previous = found?.lastRekey ?? noPreviousRekey()
  return { generation: unwrap(decodeGeneration(life)), keys, previous, possession: FAKE_POSSESSION }
}

/** By what a disk has pieces. */
export function pieceName({ generation, owner }: Pick<StoredPieceReference, "owner" | "generation">): string {
  return `${generation} ${owner}`
}

/** What a holder does with an offer, by what it knows (docs/protocol/pieces.md, "Between nodes"): whether it has the piece on its disk then, and gives a receipt. */
export function takesPiece(custody: CustodyState, holder: WorldNode, piece: StoredPieceReference): boolean {
  const generation = custody.generations.get(piece.generation)
  if (generation === undefined || piece.generation <= holder.wipedUpTo || hasWiped(custody, holder.path, piece.generation)) return false
  const isNewest = (generation.attempts.get(piece.owner)?.attempt ?? 0) === piece.attempt
  const isShared = generation.sharings.has(piece.owner)
  if (standingOfPiece(custody, holder.path, piece) === "over" || (!isShared && !isNewest)) return false
  const before = holder.pieces.get(pieceName(piece))
  if (before !== undefined && equalBytes(before.sharing, piece.sharing)) return true
  if (before !== undefined && !isShared && before.attempt >= piece.attempt) return false
  holder.pieces.set(pieceName(piece), piece)
  return true
}
