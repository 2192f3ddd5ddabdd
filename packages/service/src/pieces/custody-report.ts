import type { NodePath } from "@keygrove/hierarchy"
import { holdersOf, sharingsOf, type CustodyMember, type CustodyState, type EvidenceDemand, type UnlockMode } from "@keygrove/pieces"
import { custodyView } from "./custody-view.ts"
import type { PiecesContext } from "./pieces-context.ts"

/** Machines up to which every set is looked at: 3,432 sets of one size at most. */
const MAX_EXACT_MACHINES = 14
/** Sets of machines that are named of one node. */
const MAX_NAMED_SETS = 8

/** One sharing, as people see it. */
export interface SharingReport {
  readonly generation: number
  /** Pieces that open it. */
  readonly needed: number
  /** Who keeps a piece, by its word. */
  readonly holders: readonly { readonly path: NodePath }[]
  /** Moved there by another member, because the owner was off. */
  readonly movedBy?: NodePath
}

/** What the pieces of one member are good for. */
export interface MemberReport {
  readonly path: NodePath
  readonly unlock: UnlockMode
  /** What holders ask of its machine. */
  readonly evidence?: EvidenceDemand
  /** Of the newest key generation first. */
  readonly sharings: readonly SharingReport[]
  /**
   * The smallest sets of machines with which the last way to unlock it by pieces would be lost, at most 8; none when there is no way. Of more than 14 machines not every set is looked at: then it is one
   * set, of those that keep the most, that may be larger than the smallest.
   */
  readonly losses: readonly (readonly NodePath[])[]
}

export interface CustodyReport {
  /** By path. */
  readonly members: readonly MemberReport[]
}

/** For every member: who keeps its pieces, and what would be lost if which machines died. */
export function custodyReport(context: Pick<PiecesContext, "keystore" | "replica">): CustodyReport {
  const { custody } = custodyView(context)
  return { members: [...custody.members.values()].map((member) => reportOf(custody, member)) }
}

function reportOf(custody: CustodyState, { evidence, path, unlock }: CustodyMember): MemberReport {
  const sharings = sharingsOf(custody, path).map((placed): SharingReport => {
    const { commitments, moved } = placed.sharing
    const holders = holdersOf(custody, placed).map(({ member }) => ({ path: member.path }))
    const common = { generation: placed.generation.generation, needed: commitments.length, holders }
    return moved === undefined ? common : { ...common, movedBy: moved.by }
  })
  return {
    path,
    unlock,
    ...(evidence === undefined ? {} : { evidence }),
    sharings,
    losses: smallestLosses(sharings).slice(0, MAX_NAMED_SETS),
  }
}

/** The smallest sets of machines without which no sharing has enough holders. */
function smallestLosses(sharings: readonly SharingReport[]): readonly (readonly NodePath[])[] {
  const open = sharings.filter(({ holders, needed }) => holders.length >= needed)
  const machines = [...new Set(open.flatMap(({ holders }) => holders.map(({ path }) => path)))].toSorted()
  if (open.length === 0) return []
  if (machines.length > MAX_EXACT_MACHINES) return [greedyLoss(open)]
  for (let size = 1; size <= machines.length; size++) {
    const sets = combinations(machines, size).filter((set) => closesAll(open, new Set(set)))
    if (sets.length > 0) return sets
  }
  return []
}

function closesAll(sharings: readonly SharingReport[], lost: ReadonlySet<NodePath>): boolean {
  return sharings.every(({ holders, needed }) => holders.filter(({ path }) => !lost.has(path)).length < needed)
}

/** Takes whoever is needed by most of what is still open, until nothing is. */
function greedyLoss(sharings: readonly SharingReport[]): readonly NodePath[] {
  const lost = new Set<NodePath>()
  while (!closesAll(sharings, lost)) {
    const counts = new Map<NodePath, number>()
    for (const { holders, needed } of sharings) {
      const left = holders.filter(({ path }) => !lost.has(path))
      if (left.length >= needed) for (const { path } of left) counts.set(path, (counts.get(path) ?? 0) + 1)
    }
    const [most] = [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    if (most === undefined) break
    lost.add(most[0])
  }
  return [...lost]
}

/** All sets of `size` machines. */
function combinations(machines: readonly NodePath[], size: number): readonly (readonly NodePath[])[] {
  if (size === 0) return [[]]
  return machines.flatMap((first, position) => combinations(machines.slice(position + 1), size - 1).map((rest) => [first, ...rest]))
}
