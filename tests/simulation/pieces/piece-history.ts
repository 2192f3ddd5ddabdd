import { unwrap, type Result } from "@keygrove/base"
import { MemoryTpm, seededRandom } from "@keygrove/memory"
import { currentGeneration, piecesNeeded } from "@keygrove/pieces"
import { leaveCustody } from "@keygrove/service"
import { Dice } from "../dice.ts"
import { call } from "../member.ts"
import type { Machine } from "./machine.ts"
import { PieceInvariants } from "./piece-invariants.ts"
import { pieceLie, type PieceLie } from "./piece-liars.ts"
import { PieceWitness } from "./piece-witness.ts"
import { PieceWorld } from "./piece-world.ts"

const MAX_MACHINES = 7
const MIN_MEMBERS = 3
const MINUTE_MS = 60_000
const LIES: readonly PieceLie[] = ["bad piece", "bad sub-piece", "bad receipt", "deaf"]
/** Effects within which a process that is doomed dies. */
const DOOM_EFFECTS = 12

/** One random history of a cluster that keeps its own storage keys, while everything fails that may. */
export class PieceHistory implements AsyncDisposable {
  /** What happened, one line a step. */
  readonly transcript: string[] = []
  readonly #dice: Dice
  readonly #world: PieceWorld
  readonly #witness: PieceWitness
  readonly #invariants: PieceInvariants
  readonly #liars: Set<Machine> = new Set()
  readonly #revoked: Set<Machine> = new Set()
  #added = 0
  #copies = 0
  /** No line is cut and no message lost. */
  #isWhole = true

  private constructor(seed: number, world: PieceWorld) {
    this.#dice = new Dice(seed)
    this.#world = world
    this.#witness = new PieceWitness(world)
    this.#invariants = new PieceInvariants(world, this.#witness, this.#liars)
  }

  /** Three to five members that have shared. */
  static async begin(seed: number): Promise<PieceHistory> {
    await using owned = new AsyncDisposableStack()
    const world = owned.use(await PieceWorld.plant(String(seed)))
    const history = new PieceHistory(seed, world)
    for (let count = history.#dice.between(3, 5); count > 0; count--) unwrap(await history.#announce(await history.#add()))
    await world.pass(30_000)
    owned.move()
    return history
  }

  /** One step, after which everything must hold. */
  async step(): Promise<void> {
    const { alive, machines } = this.#world
    const off = this.#standing.filter((machine) => !alive.includes(machine))
    const spare = this.#members.length > MIN_MEMBERS
    const act = this.#dice.weighted<() => Promise<string>>([
      [machines.length < MAX_MACHINES ? 3 : 0, () => this.#join()],
      [spare ? 1 : 0, () => this.#leave()],
      [spare ? 1 : 0, () => this.#revoke()],
      [3, () => this.#rekey()],
      [3, () => this.#doom()],
      [2, () => this.#stop()],
      [3 * off.length, () => this.#start(off)],
      [5, () => this.#reopen()],
      [2, () => this.#copy()],
      [2, () => this.#split()],
      [2, () => this.#lie()],
      [2, () => this.#heal()],
      [1, () => this.#renew()],
      [4, () => this.#pass()],
    ])
    this.transcript.push(await act())
    await this.#world.pass(this.#dice.between(1, 20) * 1_000)
    this.#require(await this.#invariants.broken())
  }

  /** Heals everything, lets the time pass that it takes, and has every node opened by a majority of the others. */
  async end(): Promise<void> {
    await this.#heal()
    for (const machine of this.#world.machines) machine.lie = undefined
    for (const machine of this.#standing) {
      if (machine.isRunning) machine.life.arm(undefined)
      if (!machine.isDead && machine.isRunning) continue
      await machine.stop()
      await machine.start()
    }
    this.transcript.push("all healed")
    // Retries after generations that came to nothing, and the hour in which unlocking was asked for.
    await this.#world.pass(90 * MINUTE_MS)
    this.#require([...(await this.#invariants.broken()), ...(await this.#invariants.brokenAtTheEnd())])
    for (const machine of this.#members) {
      const others = this.#members.filter((each) => each !== machine)
      const off = others.slice(piecesNeeded(this.#members.length))
      for (const each of [machine, ...off]) await each.stop()
      const opened = await this.#openByPieces(machine)
      if (!opened) this.#require([`${machine.name} is not opened by a majority of ${this.#members.length}`])
      for (const each of off) await each.start()
      await this.#world.settle()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#world[Symbol.asyncDispose]()
  }

  /** Nodes that were not revoked. */
  get #standing(): readonly Machine[] {
    return this.#world.machines.filter((machine) => !this.#revoked.has(machine))
  }

  get #members(): readonly Machine[] {
    const { custody } = this.#world
    return this.#world.machines.filter(({ path }) => custody.members.has(path))
  }

  /** With evidence of its machine, or without. */
  async #announce(machine: Machine): Promise<Result<unknown>> {
    return await machine.announce("auto", this.#dice.chance(0.4) ? await machine.evidence() : undefined)
  }

  async #add(): Promise<Machine> {
    return await this.#world.add(`m${++this.#added}`)
  }

  async #join(): Promise<string> {
    const waiting = this.#world.alive.filter((machine) => !this.#members.includes(machine) && !this.#revoked.has(machine))
    const newcomers = waiting.length > 0 ? waiting : [await this.#add()]
    const joined = await Promise.all(newcomers.map(async (machine) => await this.#announce(machine)))
    return `${newcomers.map(({ name }) => name).join(" and ")} joins: ${joined.map((each) => (each.ok ? "ok" : each.code)).join(", ")}`
  }

  async #leave(): Promise<string> {
    const machine = this.#dice.pickAny(this.#world.alive.filter((each) => this.#members.includes(each)))
    if (machine === undefined) return "nobody can leave"
    const left = await leaveCustody(machine.context, call)
    return `${machine.name} leaves: ${left.ok ? "ok" : left.code}`
  }

  async #revoke(): Promise<string> {
    const machine = this.#dice.pick(this.#members)
    unwrap(await this.#world.ledger.appendEntries([this.#world.root.revocation(machine.path)], call))
    this.#revoked.add(machine)
    await machine.stop()
    return `${machine.name} is revoked`
  }

  async #rekey(): Promise<string> {
    const machine = this.#dice.pickAny(this.#world.alive)
    if (machine === undefined) return "nobody can rekey"
    await machine.rekey()
    return `${machine.name} rekeys`
  }

  /** A process dies at one of its next effects, and whether that one still happens is open. */
  async #doom(): Promise<string> {
    const machine = this.#dice.pickAny(this.#world.alive)
    if (machine === undefined) return "nobody is left to die"
    const death = { atEffect: this.#dice.between(1, DOOM_EFFECTS), when: this.#dice.pick(["before", "after"] as const) }
    machine.life.arm(death)
    if (this.#dice.chance(0.5)) machine.keeper.renew()
    await this.#world.settle()
    return `${machine.name} dies ${death.when} its effect ${death.atEffect}`
  }

  async #stop(): Promise<string> {
    const machine = this.#dice.pickAny(this.#world.alive)
    await machine?.stop()
    return machine === undefined ? "nobody runs" : `${machine.name} stops`
  }

  async #start(off: readonly Machine[]): Promise<string> {
    const machine = this.#dice.pick(off)
    await machine.stop()
    if (this.#dice.chance(0.5) && (await this.#openByPieces(machine))) return `${machine.name} is opened by its pieces`
    await machine.start()
    return `${machine.name} is started with its key file`
  }

  /** A member restarts; when nothing is in the way of its holders it has to be opened by them. */
  async #reopen(): Promise<string> {
    const { alive, custody } = this.#world
    const machine = this.#dice.pickAny(this.#members.filter((each) => alive.includes(each)))
    if (machine === undefined) return "nobody can restart"
    const current = currentGeneration(custody)
    const own = current?.sharings.get(machine.path)
    const isClear = this.#members.every((each) => alive.includes(each) && each.lie === undefined) && this.#isWhole
    const mustOpen = isClear && own !== undefined && own.held.length === (current?.members.length ?? 0) - 1
    await machine.stop()
    const opened = await this.#openByPieces(machine)
    const last = machine.log.at(-1) ?? ""
    if (!opened) await machine.start()
    if (!opened && mustOpen && !last.includes("UNLOCK_TOO_OFTEN"))
      this.#require([`${machine.name} was not opened, though all its holders were there`])
    return `${machine.name} restarts and is ${opened ? "" : "not "}opened by its pieces`
  }

  /** The disk of a member whose machine has to show itself is started in another one, which does or does not know the protocol: nothing opens it there. */
  async #copy(): Promise<string> {
    const { alive, custody } = this.#world
    const machine = this.#dice.pickAny(alive.filter(({ path }) => custody.members.get(path)?.evidence !== undefined))
    if (machine === undefined) return "nobody has to show its machine"
    await machine.stop()
    const { tpm } = machine
    machine.tpm = new MemoryTpm(seededRandom(`${machine.name} ${this.#copies++}`))
    const kept = await machine.attesterMemory.read(call)
    if (this.#dice.chance(0.5)) unwrap(await machine.attester.enrol(call))
    if (await this.#openByPieces(machine)) this.#require([`${machine.name} was opened in another machine`])
    machine.tpm = tpm
    await machine.attesterMemory.write(kept ?? new Uint8Array(0), call)
    await machine.start()
    return `${machine.name} is not opened in another machine`
  }

  async #openByPieces(machine: Machine): Promise<boolean> {
    const over = new AbortController()
    const opening = machine
      .startByPieces(over, ({ refused }) => machine.log.push(`refused: ${refused.map(({ reason }) => reason).join("; ")}`))
      .then((result) => result.ok)
      .catch((error: unknown) => (over.signal.aborted ? false : Promise.reject(error)))
    await this.#world.pass(20_000)
    over.abort()
    return await opening
  }

  /** Cuts some lines, or loses and doubles messages on all. */
  async #split(): Promise<string> {
    await Promise.resolve()
    const { host, lines, machines } = this.#world
    this.#isWhole = false
    if (this.#dice.chance(0.4)) {
      const dice = new Dice(this.#dice.below(2 ** 31))
      lines.fate = (from, to, count) => {
        const roll = dice.of(`${from}>${to}/${count}`)
        return roll < 0.06 ? "request lost" : roll < 0.12 ? "answer lost" : roll < 0.2 ? "delivered twice" : "delivered"
      }
      return "messages are lost and doubled"
    }
    const machine = this.#dice.pick(machines)
    const others = machines.filter((each) => each !== machine && this.#dice.chance(0.5))
    for (const other of others) lines.cut(machine.firstKey, other.firstKey)
    const isCutOff = this.#dice.chance(0.3)
    if (isCutOff) lines.cut(machine.firstKey, host.signingKey)
    return `${machine.name} is cut off from ${others.map(({ name }) => name).join(", ")}${isCutOff ? " and the ledger" : ""}`
  }

  async #heal(): Promise<string> {
    await Promise.resolve()
    this.#isWhole = true
    this.#world.lines.mendAll()
    this.#world.lines.fate = () => "delivered"
    return "all lines are whole"
  }

  async #lie(): Promise<string> {
    await Promise.resolve()
    const liar = this.#members.find(({ lie }) => lie !== undefined)
    if (liar !== undefined) {
      liar.lie = undefined
      return `${liar.name} is honest again`
    }
    const machine = this.#dice.pick(this.#members)
    const kind = this.#dice.pick(LIES)
    machine.lie = pieceLie(kind)
    this.#liars.add(machine)
    return `${machine.name} lies: ${kind}`
  }

  async #renew(): Promise<string> {
    await Promise.resolve()
    const machine = this.#dice.pickAny(this.#world.alive)
    machine?.keeper.renew()
    return machine === undefined ? "nobody can renew" : `${machine.name} wants fresh storage keys`
  }

  async #pass(): Promise<string> {
    const minutes = this.#dice.pick([1, 3, 12, 25])
    await this.#world.pass(minutes * MINUTE_MS)
    return `${minutes} minutes pass`
  }

  #require(broken: readonly string[]): void {
    if (broken.length > 0) throw new Error(broken.slice(0, 5).join("; "))
  }
}
