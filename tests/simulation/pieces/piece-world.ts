import { unwrap } from "@keygrove/base"
import { custodyOf } from "@keygrove/ledger"
import { MemoryNetwork, SimulatedClock } from "@keygrove/memory"
import type { CustodyState } from "@keygrove/pieces"
import type { LedgerReplica, PeerAddress, Transport } from "@keygrove/service"
import { makeCeremonyStage, type CeremonyStage } from "../../../packages/adapters/keystore/src/ceremony/ceremony-kit.contract.ts"
import { Host } from "../host.ts"
import { Lines } from "../lines.ts"
import { call } from "../member.ts"
import { Busy } from "./busy.ts"
import { Root } from "./founded-members.ts"
import { Machine, type World } from "./machine.ts"

/** A cluster whose members keep pieces of each other's storage keys, in one process: real keystores and mathematics; network, clock, disks and the ledger's file are the fakes of their ports. */
export class PieceWorld implements AsyncDisposable, World {
  readonly seed: string
  readonly clock: SimulatedClock = new SimulatedClock()
  readonly network: MemoryNetwork = new MemoryNetwork(this.clock)
  readonly lines: Lines = new Lines()
  readonly stage: CeremonyStage
  readonly busy: Busy = new Busy()
  readonly faults: string[] = []
  readonly machines: Machine[] = []
  readonly root: Root
  readonly witness: World["witness"] = (machine, asked, answer) => this.onAnswer(machine, asked, answer)
  /** Set by whoever wants to see all answers about pieces. */
  onAnswer: World["witness"] = () => undefined
  readonly #owned: AsyncDisposableStack
  #host: Host | undefined

  private constructor(seed: string, owned: AsyncDisposableStack) {
    this.seed = seed
    this.#owned = owned
    this.stage = owned.use(makeCeremonyStage())
    this.root = owned.use(new Root(seed))
  }

  /** A ledger with a cluster and nobody in it. */
  static async plant(seed: string): Promise<PieceWorld> {
    const owned = new AsyncDisposableStack()
    const world = new PieceWorld(seed, owned)
    const connect = (key: Uint8Array): Transport => world.lines.connect({ name: "the host", key }, world.network.join(key), () => undefined)
    world.#host = owned.use(await Host.found(seed, world.clock, connect))
    unwrap(await world.ledger.appendEntries([world.root.announcement()], call))
    return world
  }

  get host(): PeerAddress {
    return this.#hosting.address
  }

  /** The host's view of the ledger. */
  get ledger(): LedgerReplica {
    return this.#hosting.ledger
  }

  /** What the ledger says of the pieces. */
  get custody(): CustodyState {
    return custodyOf(this.ledger.state, this.root.cluster)
  }

  /** A node of the cluster that runs, and is no member yet. */
  async add(name: string): Promise<Machine> {
    const founded = this.root.certify(name)
    using _nodeSecret = founded.nodeSecret
    unwrap(await this.ledger.appendEntries(founded.entries, call))
    const machine = this.#owned.use(new Machine(this, name, founded))
    await machine.start()
    this.machines.push(machine)
    await this.settle()
    return machine
  }

  /** Machines that run and are not dead. */
  get alive(): readonly Machine[] {
    return this.machines.filter(({ isDead, isRunning }) => isRunning && !isDead)
  }

  /** Lets everything under way end, and everybody who can reach the ledger catch up. Moves no clock. */
  async settle(): Promise<void> {
    await this.#quiet()
    for (const machine of this.alive)
      if (this.lines.reaches(machine.firstKey, this.host.signingKey)) unwrap(await machine.context.replica.refresh(call))
    await this.#quiet()
    if (this.faults.length > 0) throw new Error(`failed in the background: ${this.faults.join("; ")}`)
  }

  /** Lets time pass, in which everybody does what is due. */
  async pass(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs, async () => await this.#quiet())
    await this.settle()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }

  async #quiet(): Promise<void> {
    await this.busy.quiet(() => this.lines.asked)
  }

  get #hosting(): Host {
    if (this.#host === undefined) throw new TypeError("the world has a host")
    return this.#host
  }
}
