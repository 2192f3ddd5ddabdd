import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { FaultWorld } from "./inject.ts"
import { shareKeys } from "./pieces.ts"
import { untilServing } from "./settle.ts"
import { Unlocking } from "./unlocking.ts"
import { startEtcd, untilLed, type EtcdMember } from "./world/etcd.ts"
import { startGroveNode, type GroveNode } from "./world/grove-node.ts"
import { Network } from "./world/network.ts"
import { run } from "./world/run.ts"

const NODES = ["n1", "n2", "n3", "n4", "n5"]
const MEMBERS = 3
/** Of the ledger's keys in etcd. */
export const PREFIX = "/faults"
const STAGE = "/run/keygrove"
/** The words of the cluster's root. */
export const WORDS: string = join(STAGE, "words")
const root = fileURLToPath(new URL("../..", import.meta.url))

export interface WorldPlan {
  readonly stack: AsyncDisposableStack
  readonly say: (line: string) => void
  /** Told of an end of a node that no fault is. */
  readonly onNodeEnd: (line: string) => void
}

/** Machines with an etcd, and nodes that have found their place on its ledger and keep pieces of one another's storage keys. */
export async function buildWorld({ onNodeEnd, say, stack }: WorldPlan): Promise<FaultWorld> {
  // Named namespaces, disks and logs lie in memory that only this world sees; so do its programs, which have to lie beside their packages.
  const bundles = join(root, ".cache", "bundles")
  for (const path of ["/run", bundles]) run("mount", "-t", "tmpfs", "tmpfs", path)
  mkdirSync(STAGE, { mode: 0o700 })
  const network = new Network()
  const members = startEtcd({ network, count: MEMBERS, directory: STAGE, onEnd: say })
  for (const { process: child } of members) stack.use(child)
  await untilLed(members)
  say(`${MEMBERS} members of etcd have a leader`)
  const bundle = join(bundles, "faults")
  run(process.execPath, join(root, "scripts", "build.ts"), bundle)
  const nodes = await startNodes({ network, members, bundle, say, onEnd: onNodeEnd })
  for (const { process: child } of nodes) stack.use(child)
  await untilServing(nodes)
  say(`${NODES.length} nodes serve`)
  await shareKeys(nodes)
  say("each one's storage key is shared among the others")
  return { network, members, nodes, unlocking: stack.use(new Unlocking(nodes, say)) }
}

async function startNodes(plan: {
  readonly network: Network
  readonly members: readonly EtcdMember[]
  readonly bundle: string
  readonly onEnd: (line: string) => void
  readonly say: (line: string) => void
}): Promise<readonly GroveNode[]> {
  const ledger = `etcd://${plan.members.map(({ url }) => url.replace("http://", "")).join(",")}${PREFIX}`
  const nodes: GroveNode[] = []
  for (const name of NODES) {
    const node = await startGroveNode({
      host: plan.network.add(name),
      directory: STAGE,
      bundle: plan.bundle,
      ledger,
      words: WORDS,
      isFirst: nodes.length === 0,
      onEnd: plan.onEnd,
      say: plan.say,
    })
    nodes.push(node)
    // The first one announces the cluster that the others are of.
    if (nodes.length === 1) await untilServing(nodes)
  }
  return nodes
}
