import { Dice } from "../simulation/dice.ts"

/** What can happen to a machine, or between machines. */
export const faultKinds = [
  "kill node",
  "keep node off",
  "kill etcd member",
  "kill etcd leader",
  "pause node",
  "pause etcd member",
  "split network",
  "isolate etcd leader",
  "cut one way",
  "slow network",
  "skew node's clock",
  "skew etcd member's clock",
  "fill node's disk",
  "fill etcd member's disk",
  "slow node's disk",
  "slow etcd member's disk",
] as const

export type FaultKind = (typeof faultKinds)[number]

/** One fault of a schedule. */
export interface PlannedFault {
  readonly kind: FaultKind
  /** When it begins and ends, in milliseconds from the beginning of the run. */
  readonly from: number
  readonly to: number
  /** The machines that it is about; what leads when the time has come, nobody knows before. Of a node that is kept off, the second is one that leaves the cluster meanwhile. */
  readonly machines: readonly string[]
  /** Of a clock: by how much. */
  readonly seconds: number
}

export interface SchedulePlan {
  readonly seed: number
  readonly durationMs: number
  readonly nodes: readonly string[]
  readonly members: readonly string[]
}

/** Before the first fault, and before the end. */
const QUIET_MS = 2_000
const [SHORTEST_MS, LONGEST_MS] = [1_500, 7_000] as const
/** Of what has to last longer than nodes wait for one that is off. */
const [SHORTEST_OUTAGE_MS, LONGEST_OUTAGE_MS] = [14_000, 20_000] as const
const [SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS] = [200, 2_000] as const
/** Faults at once. */
const LANES = 2
const MAX_SKEW_SECONDS = 7_200

/**
 * The faults of a run, in the order of their beginning; the same for the same plan. In each lane one comes after the other; of those about a single machine
 * no two are about the same one at once. Every kind comes before one comes again.
 */
export function planFaults({ durationMs, members, nodes, seed }: SchedulePlan): readonly PlannedFault[] {
  const dice = new Dice(seed)
  const kinds: FaultKind[] = []
  const faults: PlannedFault[] = []
  const free = Array.from({ length: LANES }, (_, lane) => QUIET_MS + lane * SHORTEST_MS)
  for (;;) {
    const lane = free.indexOf(Math.min(...free))
    const from = (free[lane] ?? 0) + dice.between(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS)
    if (kinds.length === 0) kinds.push(...shuffled(dice, faultKinds))
    const kind = kinds.shift() ?? "kill node"
    const to =
      from + (kind === "keep node off" ? dice.between(SHORTEST_OUTAGE_MS, LONGEST_OUTAGE_MS) : dice.between(SHORTEST_MS, LONGEST_MS))
    // Something shorter may still fit.
    if (to > durationMs - QUIET_MS && kind === "keep node off") continue
    if (to > durationMs - QUIET_MS) return faults.toSorted((a, b) => a.from - b.from)
    const busy = faults.filter((other) => other.to > from && !isOfSeveral(other.kind)).flatMap(({ machines }) => machines)
    const idle = (names: readonly string[]): readonly string[] => names.filter((name) => !busy.includes(name))
    const machines = machinesOf(kind, dice, { nodes: idle(nodes), members: idle(members), all: [...nodes, ...members] })
    const seconds = dice.between(1, MAX_SKEW_SECONDS) * (dice.chance(0.5) ? -1 : 1)
    faults.push({ kind, from, to, machines, seconds })
    free[lane] = to
  }
}

/** Whether a fault is about what is between machines. */
export function isOfSeveral(kind: FaultKind): boolean {
  return kind === "split network" || kind === "cut one way" || kind === "slow network"
}

function machinesOf(
  kind: FaultKind,
  dice: Dice,
  { all, members, nodes }: { readonly nodes: readonly string[]; readonly members: readonly string[]; readonly all: readonly string[] },
): readonly string[] {
  switch (kind) {
    case "kill etcd leader":
    case "isolate etcd leader":
      return []
    case "keep node off":
      return shuffled(dice, nodes).slice(0, 2)
    // Any number from one to all but one: the other side may be the smaller one.
    case "split network":
      return shuffled(dice, all).slice(0, dice.between(1, all.length - 1))
    // One that can speak and not hear, or hear and not speak, with several others.
    case "cut one way":
    case "slow network":
      return shuffled(dice, all).slice(0, dice.between(2, 4))
    default:
      return shuffled(dice, kind.includes("etcd") ? members : nodes).slice(0, 1)
  }
}

function shuffled<T>(dice: Dice, items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, order: dice.below(2 ** 32) }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item)
}
