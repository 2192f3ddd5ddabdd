import { toHex } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import { currentGeneration, holdersOf, sharingsOf, startingGeneration, type CustodyState } from "@keygrove/pieces"
import type { PiecesContext } from "./pieces-context.ts"
import { custodyView, nodeOf } from "./custody-view.ts"

/** Machines up to which every set is looked at; beyond it only single sharings are counted. */
const MAX_EXACT_MACHINES = 14
/** Sets of machines that are named of one node. */
const MAX_NAMED_SETS = 8

/** One sharing, as people see it. */
export interface SharingReport {
  readonly generation: number
  /** Pieces that open it. */
  readonly needed: number
  /** Who keeps a piece by its word, and whether a line to it is open now (this node itself counts). */
  readonly holders: readonly { readonly path: NodePath; readonly isReachable: boolean }[]
  /** Moved there by another member, because the owner was off. */
  readonly movedBy?: NodePath
}

/** What the pieces of one member are good for. */
export interface MemberReport {
  readonly path: NodePath
  readonly unlock: "auto" | "approve"
  /** Of the newest key generation first. */
  readonly sharings: readonly SharingReport[]
  /** Whether the holders that are reachable now are enough. */
  readonly couldUnlock: boolean
  /** The smallest sets of machines with which the last way to unlock it by pieces would be lost; none when it has no pieces out. At most 8 are named. */
  readonly losses: readonly (readonly NodePath[])[]
  /** How many such smallest sets there are; absent where there are too many machines to look at all. */
  readonly lossCount?: number
  /** The same for people. */
  readonly text: string
}

export interface CustodyReport {
  readonly currentGeneration?: number
  readonly startingGeneration?: number
  readonly members: readonly MemberReport[]
}

/** For every member: who keeps its pieces, whether it could be unlocked now, and what would be lost if which machines died. */
export function custodyReport({ keystore, replica, transport }: Pick<PiecesContext, "keystore" | "replica" | "transport">): CustodyReport {
  const view = custodyView({ keystore, replica })
  const { custody, self } = view
  const connected = new Set(transport.peers().map(toHex))
  const isReachable = (path: NodePath): boolean => {
    const node = nodeOf(view, path)
    return path === self.path || (node !== undefined && connected.has(toHex(node.keys.signingKey)))
  }
  const current = currentGeneration(custody)?.generation
  const starting = startingGeneration(custody)?.generation
  return {
    ...(current === undefined ? {} : { currentGeneration: current }),
    ...(starting === undefined ? {} : { startingGeneration: starting }),
    members: [...custody.members.values()].map(({ path, unlock }) => reportOf(custody, { path, unlock, isReachable })),
  }
}

function reportOf(
  custody: CustodyState,
  { isReachable, path, unlock }: Pick<MemberReport, "path" | "unlock"> & { readonly isReachable: (path: NodePath) => boolean },
): MemberReport {
  const sharings = sharingsOf(custody, path).map((placed): SharingReport => {
    const holders = holdersOf(custody, placed).map(({ member }) => ({ path: member.path, isReachable: isReachable(member.path) }))
    const { commitments, moved } = placed.sharing
    const common = { generation: placed.generation.generation, needed: commitments.length, holders }
    return moved === undefined ? common : { ...common, movedBy: moved.by }
  })
  const couldUnlock = sharings.some(({ holders, needed }) => holders.filter((holder) => holder.isReachable).length >= needed)
  const losses = smallestLosses(sharings)
  const named = losses.sets.slice(0, MAX_NAMED_SETS)
  return {
    path,
    unlock,
    sharings,
    couldUnlock,
    losses: named,
    ...(losses.isExact ? { lossCount: losses.sets.length } : {}),
    text: textOf(path, { sharings, couldUnlock, losses }),
  }
}

interface Losses {
  readonly sets: readonly (readonly NodePath[])[]
  readonly isExact: boolean
}

/** The smallest sets of machines without which no sharing has enough holders. Exact up to 14 machines; beyond, one set of the right or a larger size, of those that keep the most. */
function smallestLosses(sharings: readonly SharingReport[]): Losses {
  const open = sharings.filter(({ holders, needed }) => holders.length >= needed)
  const machines = [...new Set(open.flatMap(({ holders }) => holders.map(({ path }) => path)))].toSorted()
  if (open.length === 0) return { sets: [], isExact: true }
  if (machines.length > MAX_EXACT_MACHINES) return { sets: [greedyLoss(open)], isExact: false }
  for (let size = 1; size <= machines.length; size++) {
    const sets = combinations(machines, size).filter((set) => closesAll(open, new Set(set)))
    if (sets.length > 0) return { sets, isExact: true }
  }
  return { sets: [], isExact: true }
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

/** All sets of `size` of at most {@link MAX_EXACT_MACHINES} machines: 3,432 at most. */
function combinations(machines: readonly NodePath[], size: number): readonly (readonly NodePath[])[] {
  if (size === 0) return [[]]
  return machines.flatMap((first, position) => combinations(machines.slice(position + 1), size - 1).map((rest) => [first, ...rest]))
}

function textOf(path: NodePath, report: Pick<MemberReport, "sharings" | "couldUnlock"> & { readonly losses: Losses }): string {
  const { couldUnlock, losses, sharings } = report
  const [newest] = sharings
  if (newest === undefined) return `${path} has no pieces out: its passphrase alone opens it`
  const reachable = newest.holders.filter(({ isReachable }) => isReachable).length
  const now = couldUnlock
    ? `${path} could be unlocked now: ${reachable} of ${newest.holders.length} holders are reachable and ${newest.needed} are needed`
    : `${path} could not be unlocked now: ${reachable} of ${newest.holders.length} holders are reachable and ${newest.needed} are needed`
  const [set] = losses.sets
  if (set === undefined) return `${now}; too few pieces of it are left to open it at all`
  const others = losses.isExact && losses.sets.length > 1 ? ` (or one of ${losses.sets.length - 1} other sets of ${set.length})` : ""
  return `${now}; if ${set.join(" and ")}${others} died, its pieces would be lost and its passphrase alone would open it`
}
