import { setTimeout as delay } from "node:timers/promises"
import { buildWorld, PREFIX, WORDS } from "./build-world.ts"
import { checkHistory } from "./checker/check-history.ts"
import type { Violation } from "./checker/history.ts"
import { readStoredLog } from "./checker/stored-log.ts"
import { inject, type FaultWorld } from "./inject.ts"
import { checkPieces, shareKeys, untilShared } from "./pieces.ts"
import { planFaults, type PlannedFault } from "./schedule.ts"
import { untilAgreed, untilServing } from "./settle.ts"
import { summarise } from "./summary.ts"
import { RootAuthor } from "./workload/root-author.ts"
import { Workload } from "./workload/workload.ts"

export interface WorldRun {
  readonly minutes: number
  readonly seed: number
  readonly print: (line: string) => void
}

type Say = (line: string) => void

/** Why a node may end by itself: its disk is full, or nobody lets it reach etcd. */
const GOOD_ENDS = /: (?:DISK_FULL|LEDGER_UNREACHABLE): /

/** One run, in namespaces of its own (main.ts): builds the world, breaks it for some minutes, heals it, and checks it. Exit status 0 when nothing was broken for good. */
export async function runWorld({ minutes, print, seed }: WorldRun): Promise<number> {
  const begun = performance.now()
  const say: Say = (line) => print(`${((performance.now() - begun) / 1_000).toFixed(1).padStart(6)} s  ${line}`)
  say(`seed ${seed}, ${minutes} min; again with: npm run test:faults -- --minutes ${minutes} --seed ${seed}`)
  await using stack = new AsyncDisposableStack()
  const violations: Violation[] = []
  const onNodeEnd: Say = (line) => {
    say(line)
    if (!GOOD_ENDS.test(line)) violations.push({ kind: "crash", message: line })
  }
  const world = await buildWorld({ stack, say, onNodeEnd })
  const [nodes, members] = [world.nodes, world.members].map((each) => each.map(({ process: { host } }) => host.name))
  const faults = planFaults({ seed, durationMs: minutes * 60_000, nodes: nodes ?? [], members: members ?? [] })
  const workload = new Workload(world.nodes, { author: new RootAuthor(WORDS), seed })
  const injected = (await Promise.all(faults.map(async (fault) => await runFault(world, fault, say)))).filter((each) => each !== undefined)
  say("all is healed")
  violations.push(...(await settle(world, workload, say)))
  const log = await readStoredLog(
    world.members.map(({ url }) => url),
    PREFIX,
  )
  violations.push(...checkHistory(log, workload.history))
  for (const { kind, message } of violations) say(`VIOLATION ${kind}: ${message}`)
  for (const line of summarise({
    faults: injected,
    history: workload.history,
    renewals: workload.renewals,
    log,
    violations,
    unlocking: world.unlocking,
  }))
    print(line)
  return violations.length === 0 ? 0 : 1
}

/** Waits for a fault's time, begins it, and heals it when it is over; `undefined` when there was nothing to do it to. */
async function runFault(world: FaultWorld, fault: PlannedFault, say: Say): Promise<PlannedFault | undefined> {
  const begun = performance.now()
  await delay(fault.from)
  const injected = await inject(world, fault)
  if (injected === undefined) {
    say(`${fault.kind}: left out, none leads`)
    return undefined
  }
  say(`${fault.kind}: ${injected.about}, for ${((fault.to - fault.from) / 1_000).toFixed(1)} s`)
  await delay(Math.max(0, begun + fault.to - performance.now()))
  await injected.heal()
  return fault
}

/** What must come right by itself when nothing is broken any more; what did not is told. */
async function settle(world: FaultWorld, workload: Workload, say: Say): Promise<readonly Violation[]> {
  const { nodes } = world
  try {
    await untilServing(nodes)
    await workload.end()
    say("every node serves")
    await unlockEach(world)
    const violations = await checkPieces(nodes)
    say("every node was opened by its peers, and holders were asked for proofs")
    const agreed = await untilAgreed(nodes)
    say(`all nodes have ${agreed.length} entries with the head ${agreed.head.slice(0, 16)}…`)
    return violations
  } catch (error) {
    return [{ kind: "stuck", message: error instanceof Error ? error.message : String(error) }]
  } finally {
    await workload.end()
  }
}

/** Kills every node once more, one after the other: with nothing but what is on its disk, each is opened by its peers. */
async function unlockEach({ nodes, unlocking }: FaultWorld): Promise<void> {
  await unlocking.settle()
  await shareKeys(nodes)
  for (const node of nodes) await unlocking.restart(node)
  await untilServing(nodes)
  await untilShared(nodes)
}
