import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { checkHistory } from "./checker/check-history.ts"
import { readStoredLog } from "./checker/stored-log.ts"
import type { Violation } from "./checker/history.ts"
import { inject, type FaultWorld } from "./inject.ts"
import { planFaults, type PlannedFault } from "./schedule.ts"
import { summarise } from "./summary.ts"
import { startEtcd, untilLed, type EtcdMember } from "./world/etcd.ts"
import { startGroveNode, type GroveNode } from "./world/grove-node.ts"
import { Network } from "./world/network.ts"
import { run } from "./world/run.ts"
import { RootAuthor } from "./workload/root-author.ts"
import { Workload } from "./workload/workload.ts"
import { untilAgreed, untilServing } from "./settle.ts"

const NODES = ["n1", "n2", "n3", "n4", "n5"]
const MEMBERS = 3
const PREFIX = "/faults"
const STAGE = "/run/keygrove"
const root = fileURLToPath(new URL("../..", import.meta.url))

export interface WorldRun {
  readonly minutes: number
  readonly seed: number
  readonly print: (line: string) => void
}

/** Why a node may end by itself: its disk is full, or nobody lets it reach etcd. */
const GOOD_ENDS = /: (?:DISK_FULL|LEDGER_UNREACHABLE): /

/** One run, in namespaces of its own (main.ts): builds the world, breaks it for some minutes, heals it, and checks it. Exit status 0 when nothing was broken for good. */
export async function runWorld({ minutes, print, seed }: WorldRun): Promise<number> {
  const begun = performance.now()
  const say = (line: string): void => print(`${((performance.now() - begun) / 1_000).toFixed(1).padStart(6)} s  ${line}`)
  say(`seed ${seed}, ${minutes} min; again with: npm run test:faults -- --minutes ${minutes} --seed ${seed}`)
  await using stack = new AsyncDisposableStack()
  const crashes: Violation[] = []
  const world = await buildWorld({
    stack,
    say,
    onNodeEnd: (line) => {
      say(line)
      if (!GOOD_ENDS.test(line)) crashes.push({ kind: "crash", message: line })
    },
  })
  say(`${world.nodes.length} nodes serve on an etcd of ${world.members.length} members`)
  const faults = planFaults({
    seed,
    durationMs: minutes * 60_000,
    nodes: NODES,
    members: world.members.map(({ process: { host } }) => host.name),
  })
  const workload = new Workload(world.nodes, { author: new RootAuthor(join(STAGE, "words")), seed })
  await Promise.all(faults.map(async (fault) => await runFault(world, fault, say)))
  say("all is healed")
  await untilServing(world.nodes)
  await workload.end()
  say("every node serves")
  const head = await untilAgreed(world.nodes)
  say(`all nodes have ${head.length} entries with the head ${head.head.slice(0, 16)}…`)
  const log = await readStoredLog(
    world.members.map(({ url }) => url),
    PREFIX,
  )
  const { appends, heads } = workload.history
  const last = world.nodes.map(({ name }) => ({ node: name, start: performance.now(), end: performance.now(), ...head }))
  const violations = [...checkHistory(log, { appends, heads: [...heads, ...last] }), ...crashes]
  for (const { kind, message } of violations) say(`VIOLATION ${kind}: ${message}`)
  for (const line of summarise({ faults, history: workload.history, log, violations })) print(line)
  return violations.length === 0 && log.length === head.length ? 0 : 1
}

interface WorldPlan {
  readonly stack: AsyncDisposableStack
  readonly say: (line: string) => void
  /** Told of an end of a node that no fault is. */
  readonly onNodeEnd: (line: string) => void
}

/** Machines with an etcd and nodes that have found their place on its ledger. */
async function buildWorld({ onNodeEnd, say, stack }: WorldPlan): Promise<FaultWorld> {
  // Named namespaces, disks and logs lie in memory that only this world sees; so do its programs, which have to lie beside their packages.
  const bundles = join(root, ".cache", "bundles")
  for (const path of ["/run", bundles]) run("mount", "-t", "tmpfs", "tmpfs", path)
  mkdirSync(STAGE, { mode: 0o700 })
  const bundle = join(bundles, "faults")
  execFileSync(process.execPath, [join(root, "scripts", "build.ts"), bundle], { cwd: root })
  const network = new Network()
  const members = startEtcd({ network, count: MEMBERS, directory: STAGE, onEnd: say })
  for (const { process: child } of members) stack.use(child)
  await untilLed(members)
  say(`${MEMBERS} members of etcd have a leader`)
  const nodes = await startNodes({ network, members, bundle, onEnd: onNodeEnd })
  for (const { process: child } of nodes) stack.use(child)
  await untilServing(nodes)
  return { network, members, nodes }
}

async function startNodes(plan: {
  readonly network: Network
  readonly members: readonly EtcdMember[]
  readonly bundle: string
  readonly onEnd: (line: string) => void
}): Promise<readonly GroveNode[]> {
  const ledger = `etcd://${plan.members.map(({ url }) => url.replace("http://", "")).join(",")}${PREFIX}`
  const nodes: GroveNode[] = []
  for (const name of NODES) {
    const node = await startGroveNode({
      host: plan.network.add(name),
      directory: STAGE,
      bundle: plan.bundle,
      ledger,
      words: join(STAGE, "words"),
      isFirst: nodes.length === 0,
      onEnd: plan.onEnd,
    })
    nodes.push(node)
    // The first one announces the cluster that the others are of.
    if (nodes.length === 1) await untilServing(nodes)
  }
  return nodes
}

/** Waits for a fault's time, begins it, and heals it when it is over. */
async function runFault(world: FaultWorld, fault: PlannedFault, say: (line: string) => void): Promise<void> {
  const begun = performance.now()
  await delay(fault.from)
  const { about, heal } = await inject(world, fault)
  say(`${fault.kind}: ${about}, for ${((fault.to - fault.from) / 1_000).toFixed(1)} s`)
  await delay(Math.max(0, begun + fault.to - performance.now()))
  await heal()
}
