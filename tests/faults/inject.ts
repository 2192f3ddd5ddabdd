import type { Unlocking } from "./unlocking.ts"
import { injectOutage } from "./outage.ts"
import type { FaultKind, PlannedFault } from "./schedule.ts"
import { skewClocks } from "./world/clock.ts"
import type { Disk } from "./world/disk.ts"
import { leaderOf, type EtcdMember } from "./world/etcd.ts"
import type { GroveNode } from "./world/grove-node.ts"
import type { HostProcess } from "./world/host-process.ts"
import type { Network, NetworkHost } from "./world/network.ts"
import { slowDisk } from "./world/slow-disk.ts"

/** Everything that faults happen to. */
export interface FaultWorld {
  readonly network: Network
  readonly nodes: readonly GroveNode[]
  readonly members: readonly EtcdMember[]
  readonly unlocking: Unlocking
}

/** A fault that is at work: what it is about, in words, and how it ends. */
export interface InjectedFault {
  readonly about: string
  heal(): Promise<void>
}

interface Machine {
  readonly process: HostProcess
  readonly disk: Disk
}

/** Begins a fault; `undefined` when there is nothing to do it to. */
export async function inject(world: FaultWorld, fault: PlannedFault): Promise<InjectedFault | undefined> {
  const { kind } = fault
  if (kind.endsWith("leader")) return await injectLeader(world, kind)
  const machines = machinesOf(world)
  const named = fault.machines
    .map((name) => machines.find(({ process }) => process.host.name === name))
    .filter((each) => each !== undefined)
  const [machine] = named
  if (machine === undefined) throw new RangeError(`${kind}: there is no machine ${fault.machines.join(", ")}`)
  const others = machines.filter((each) => !named.includes(each))
  const about = fault.machines.join(", ")
  switch (kind) {
    case "split network":
      return { about: `${about} | ${others.map(nameOf).join(", ")}`, heal: healAll(separate(world.network, named, others)) }
    case "cut one way": {
      const cuts = named.slice(1).map((each) => world.network.cut(machine.process.host, each.process.host))
      return { about: `${nameOf(machine)} does not reach ${named.slice(1).map(nameOf).join(", ")}`, heal: healAll(cuts) }
    }
    case "slow network":
      return { about, heal: healAll(named.map(({ process }) => world.network.slow(process.host))) }
    case "keep node off":
      return await injectOutage(
        world,
        fault.machines.flatMap((name) => world.nodes.find((node) => node.name === name) ?? []),
      )
    case "kill node":
    case "fill node's disk":
      return await injectNode(world, fault)
    default:
      return await injectOne(world.network, machine, fault)
  }
}

async function injectOne(network: Network, { disk, process: child }: Machine, { kind, seconds }: PlannedFault): Promise<InjectedFault> {
  const about = child.host.name
  const pids = network.processes(child.host)
  switch (kind.split(" ")[0]) {
    case "kill":
      return { about, heal: healAll([await child.kill()]) }
    case "pause":
      return { about, heal: healAll([pause(pids)]) }
    case "fill":
      return { about, heal: healAll([disk.fill()]) }
    case "slow":
      return { about, heal: healAll([slowDisk(pids)]) }
    case "skew":
      await skewClocks(pids, seconds)
      return { about: `${about} by ${seconds} s`, heal: async () => await skewClocks(pids, 0) }
    default:
      throw new RangeError(`there is no fault ${kind}`)
  }
}

/** A node that is killed, and starts again: when the fault is over, or at once and on a full disk. */
async function injectNode({ nodes, unlocking }: FaultWorld, { kind, machines: [name] }: PlannedFault): Promise<InjectedFault> {
  const node = nodes.find((each) => each.name === name)
  if (node === undefined) throw new RangeError(`${kind}: there is no node ${name}`)
  const kill = await node.process.kill()
  if (kind === "kill node") {
    const heal = async (): Promise<void> => {
      await unlocking.prepare(node)
      kill[Symbol.dispose]()
    }
    return { about: node.name, heal }
  }
  // A node in its stride reuses what its files have room for; one that begins has to write. It may begin many times, which its peers would not take part in.
  node.means = "key file"
  const full = node.disk.fill()
  kill[Symbol.dispose]()
  return { about: `${node.name}, which is killed and starts on it`, heal: healAll([full]) }
}

/** What leads is asked when the time has come. While nobody leads there is nothing to do to a leader. */
async function injectLeader({ members, network }: FaultWorld, kind: FaultKind): Promise<InjectedFault | undefined> {
  const leader = await leaderOf(members)
  if (leader === undefined) return undefined
  if (kind === "kill etcd leader") return { about: nameOf(leader), heal: healAll([await leader.process.kill()]) }
  const others = members.filter((member) => member !== leader)
  return { about: nameOf(leader), heal: healAll(separate(network, [leader], others)) }
}

function machinesOf({ members, nodes }: FaultWorld): readonly Machine[] {
  return [...nodes, ...members]
}

function nameOf({ process: { host } }: { readonly process: { readonly host: NetworkHost } }): string {
  return host.name
}

/** Nothing goes from one side to the other, in either direction. */
function separate(
  network: Network,
  side: readonly Pick<Machine, "process">[],
  others: readonly Pick<Machine, "process">[],
): readonly Disposable[] {
  return side.flatMap(({ process: { host: one } }) =>
    others.flatMap(({ process: { host: other } }) => [network.cut(one, other), network.cut(other, one)]),
  )
}

/** Stops processes where they are, as a machine does that stands still. */
function pause(pids: readonly number[]): Disposable {
  const signal = (name: NodeJS.Signals): void =>
    pids.forEach((pid) => {
      try {
        process.kill(pid, name)
      } catch {
        // It ended in the meantime.
      }
    })
  signal("SIGSTOP")
  return { [Symbol.dispose]: () => signal("SIGCONT") }
}

function healAll(broken: readonly Disposable[]): () => Promise<void> {
  return async () => broken.forEach((each) => each[Symbol.dispose]())
}
