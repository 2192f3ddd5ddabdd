import type { History, StoredEntry, Violation } from "./checker/history.ts"
import type { Unlocking } from "./unlocking.ts"
import { faultKinds, type PlannedFault } from "./schedule.ts"

export interface RunFacts {
  readonly faults: readonly PlannedFault[]
  readonly history: History
  /** Key generations that were asked for. */
  readonly renewals: number
  readonly log: readonly StoredEntry[]
  readonly violations: readonly Violation[]
  readonly unlocking: Pick<Unlocking, "byPeers" | "withKeyFile">
}

/** What was done and what came of it, for people. */
export function summarise({ faults, history: { appends, heads }, log, renewals, unlocking, violations }: RunFacts): readonly string[] {
  const came = (kind: string): number => appends.filter(({ outcome }) => outcome.kind === kind).length
  const codes = Map.groupBy(
    appends.flatMap(({ outcome }) => (outcome.kind === "acknowledged" ? [] : [outcome.code])),
    (code) => code,
  )
  const slowest = Math.max(0, ...appends.filter(({ outcome }) => outcome.kind === "acknowledged").map(({ end, start }) => end - start))
  return [
    "",
    ...faultKinds.map((kind) => `${kind.padEnd(26)} ${String(faults.filter((fault) => fault.kind === kind).length).padStart(4)}`),
    "",
    `appends   ${appends.length} tried: ${came("acknowledged")} acknowledged, ${came("refused")} refused, ${came("unknown")} unknown`,
    `          ${[...codes].map(([code, { length }]) => `${code} ${length}`).join(", ") || "no refusals"}; the slowest was acknowledged after ${(slowest / 1_000).toFixed(1)} s`,
    `unlocked  ${unlocking.byPeers} times by peers, ${unlocking.withKeyFile} times with the key file because peers could not; keys of all renewed ${renewals} times`,
    `moved     ${log.filter(({ bytes }) => Buffer.from(bytes).includes("pieces-redistributed")).length} times the pieces of a node that was off`,
    `ledger    ${log.length} entries; nodes said ${heads.length} times what they have`,
    `checked   ${violations.length === 0 ? "no violation" : `${violations.length} VIOLATIONS`}`,
  ]
}
