import { equalBytes, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeLedgerIndex, emptyHead, nextHead, type LedgerHead } from "@keygrove/ledger"
import { MemoryLedgerEngine, MemoryNetwork, SimulatedClock, type MemoryTransport } from "@keygrove/memory"
import { decodeLedgerRequest, encodeLedgerAnswer } from "@keygrove/peering"
import {
  followHost,
  LedgerReplica,
  serveLedger,
  type FollowerLedgerEngine,
  type LedgerEngine,
  type LedgerHostSource,
  type PeerAddress,
} from "@keygrove/service"
import { systemClock } from "@keygrove/system"
import { describe, expect, test, vi } from "vitest"
import {
  clusterEntry,
  kitChild,
  kitKey,
  kitLog,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  signingName,
  termsEntry,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const WAIT_MS = 60_000
const root = kitRoot("alice")
const laptop = kitChild(root, "/laptop")
const founding = [clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1)]
const keyOf = (epoch: number): Uint8Array => kitKey(signingName(laptop, epoch))
const noHandshake = async (): Promise<Uint8Array> => {
  throw new TypeError("there are no handshakes in memory")
}

/** The host of a ledger: the node `/laptop`, in its first epoch. */
class Host implements AsyncDisposable {
  readonly transport: MemoryTransport
  readonly engine: MemoryLedgerEngine
  readonly #clock: SimulatedClock
  readonly #serving: Disposable

  private constructor(clock: SimulatedClock, transport: MemoryTransport, engine: MemoryLedgerEngine, served: LedgerEngine) {
    this.#clock = clock
    this.transport = transport
    this.engine = engine
    this.#serving = serveLedger({ transport, engine: served, clock: systemClock })
  }

  /** `wrap` may stand between the engine and its followers. */
  static async open(network: MemoryNetwork, clock: SimulatedClock, wrap = (engine: LedgerEngine): LedgerEngine => engine): Promise<Host> {
    const engine = new MemoryLedgerEngine(kitPrimitives)
    unwrap(await engine.append(founding, emptyHead(), call))
    return new Host(clock, network.join(keyOf(1)), engine, wrap(engine))
  }

  get address(): PeerAddress {
    return { signingKey: keyOf(1), addresses: this.transport.addresses() }
  }

  async write(entries: readonly Uint8Array[]): Promise<void> {
    unwrap(await this.engine.append(entries, await this.engine.head(call), call))
  }

  async rekey(epoch: number): Promise<void> {
    await this.write([rekeyEntry(laptop, epoch)])
    unwrap(await this.transport.move({ signingKey: keyOf(epoch), sign: noHandshake }, call))
  }

  /** Ends the lines of the keys before. */
  async forgetKeys(): Promise<void> {
    await this.#clock.advance(60_000)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#serving[Symbol.dispose]()
    await this.transport[Symbol.asyncDispose]()
    await this.engine[Symbol.asyncDispose]()
  }
}

interface Follower extends AsyncDisposable {
  readonly engine: FollowerLedgerEngine<LedgerHostSource>
  readonly replica: LedgerReplica
  /** Keys that its configuration was told, in hex. */
  readonly moves: readonly string[]
}

async function follow(network: MemoryNetwork, host: PeerAddress, log: readonly Uint8Array[] = []): Promise<Follower> {
  const transport = network.join(kitKey("follower"))
  const copy = new MemoryLedgerEngine(kitPrimitives)
  if (log.length > 0) unwrap(await copy.append(log, emptyHead(), call))
  const moves: string[] = []
  const view: { replica?: LedgerReplica } = {}
  const engine = followHost({
    transport,
    host,
    copy,
    clock: systemClock,
    primitives: kitPrimitives,
    folded: () => view.replica,
    onMoved: ({ signingKey }) => moves.push(toHex(signingKey)),
  })
  const replica = unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call))
  view.replica = replica
  return {
    engine,
    replica,
    moves,
    [Symbol.asyncDispose]: async () => {
      await replica[Symbol.asyncDispose]()
      await transport[Symbol.asyncDispose]()
    },
  }
}

/** What a host with this log answers, whether the log is one or not. */
function answerFrom(log: readonly Uint8Array[], body: Uint8Array): Uint8Array {
  const headAt = (length: number): LedgerHead =>
    log.slice(0, length).reduce((head, entry) => nextHead(kitPrimitives, head, entry), emptyHead())
  const request = unwrap(decodeLedgerRequest(body))
  if (request.op !== "read") return encodeLedgerAnswer({ kind: "head", head: headAt(log.length) })
  const { from, limit } = request
  return encodeLedgerAnswer({ kind: "slice", from, before: headAt(from).hash, entries: log.slice(from, from + limit) })
}

const caughtUp = async ({ replica }: Follower, length: number): Promise<void> => {
  unwrap(await replica.waitUntil(unwrap(decodeLedgerIndex(length)), call))
}

function world(): { readonly network: MemoryNetwork; readonly clock: SimulatedClock } {
  const clock = new SimulatedClock()
  return { clock, network: new MemoryNetwork(clock) }
}

describe("a follower whose host rekeys", () => {
  test("goes on under the new key, and has its configuration keep it", async () => {
    const { clock, network } = world()
    await using host = await Host.open(network, clock)
    await using follower = await follow(network, host.address)
    await caughtUp(follower, 3)
    for (const epoch of [2, 3]) {
      await host.rekey(epoch)
      await caughtUp(follower, epoch + 2)
      await vi.waitFor(() => expect(follower.moves.at(-1)).toBe(toHex(keyOf(epoch))), WAIT_MS)
      await host.forgetKeys()
    }
    unwrap(await follower.replica.appendEntries([termsEntry(laptop, 3, 1)], call))
    expect((await host.engine.head(call)).length).toBe(6)
    expect(follower.engine.source.host).toEqual({ ...host.address, signingKey: keyOf(3) })
  })

  test("does not lose an append that is under way, and makes those that come before it has heard of the rekey", async () => {
    const { clock, network } = world()
    const [arrived, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const held = (engine: LedgerEngine): LedgerEngine => ({
      head: (options) => engine.head(options),
      read: (from, limit, options) => engine.read(from, limit, options),
      append: async (batch, expected, options) => {
        arrived.resolve()
        await gate.promise
        return await engine.append(batch, expected, options)
      },
      refresh: (options) => engine.refresh(options),
      watch: (from, options) => engine.watch(from, options),
      [Symbol.asyncDispose]: async () => undefined,
    })
    await using host = await Host.open(network, clock, held)
    await using follower = await follow(network, host.address)
    await caughtUp(follower, 3)
    const underWay = follower.replica.appendEntries([termsEntry(laptop, 1, 1)], call)
    await arrived.promise
    unwrap(await host.transport.move({ signingKey: keyOf(2), sign: noHandshake }, call))
    gate.resolve()
    unwrap(await underWay)
    // The key was left before the statement came: a follower that is sent away is told by the log of the new key itself.
    await host.write([rekeyEntry(laptop, 2)])
    await host.forgetKeys()
    unwrap(await follower.engine.refresh(call))
    unwrap(await follower.replica.appendEntries([termsEntry(laptop, 2, 2)], call))
    expect(follower.moves).toEqual([toHex(keyOf(2))])
  })
})

describe("a follower that was away", () => {
  test.each([
    { name: "with a copy, for one rekey", copy: 3, epochs: [2] },
    { name: "with a copy, for several", copy: 3, epochs: [2, 3, 4] },
    { name: "and begins with nothing but an invitation", copy: 0, epochs: [2, 3] },
  ])("finds its host again $name", async ({ copy, epochs }) => {
    const { clock, network } = world()
    await using host = await Host.open(network, clock)
    for (const epoch of epochs) await host.rekey(epoch)
    await host.write([termsEntry(laptop, epochs.length + 1, 1)])
    await host.forgetKeys()
    await using follower = await follow(network, host.address, founding.slice(0, copy))
    await caughtUp(follower, 4 + epochs.length)
    expect(follower.moves).toEqual([toHex(keyOf(epochs.length + 1))])
    expect(follower.replica.head).toEqual(await host.engine.head(call))
  })

  test("does not let whoever answers in its host's place keep it busy", async () => {
    const { network } = world()
    await using impostor = network.join(kitKey("impostor"))
    // Well signed, and more than one slice: of somebody's own cluster.
    const log = [...founding, ...kitLog(600, "mallory")]
    let reads = 0
    using _lying = impostor.serve("ledger", async ({ body }) => {
      const request = decodeLedgerRequest(body)
      if (request.ok && request.value.op === "read") reads++
      return answerFrom(log, body)
    })
    await using follower = await follow(network, { signingKey: keyOf(1), addresses: impostor.addresses() }, founding)
    for (let each = 0; each < 5; each++) expect((await follower.engine.refresh(call)).ok).toBe(false)
    expect(reads).toBe(3)
  })

  test.each([
    { name: "another history", log: kitLog(9, "other") },
    { name: "the copy's own entries", log: founding },
    { name: "that the host rekeyed, but to another key", log: [...founding, rekeyEntry(laptop, 2), termsEntry(laptop, 2, 1)] },
    { name: "a shorter log", log: founding.slice(0, 1) },
    { name: "an entry that nobody signed", log: [...founding, Uint8Array.of(1, 2, 3)] },
    { name: "nothing", log: [] },
  ])("believes nothing of an impostor that shows $name, and tells it nothing", async ({ log }) => {
    const { clock, network } = world()
    await using impostor = network.join(kitKey("impostor"))
    const asked: string[] = []
    using _lying = impostor.serve("ledger", async ({ body }) => {
      const request = decodeLedgerRequest(body)
      asked.push(request.ok ? request.value.op : request.code)
      return answerFrom(log, body)
    })
    const address = { signingKey: keyOf(1), addresses: impostor.addresses() }
    await using follower = await follow(network, address, founding)
    expect(await follower.engine.refresh(call)).toMatchObject({ ok: false, code: "LEDGER_UNREACHABLE" })
    const refused = await follower.replica.appendEntries([termsEntry(laptop, 1, 1)], call)
    expect(refused).toMatchObject({ ok: false, code: "LEDGER_UNREACHABLE" })
    expect(new Set(asked)).toEqual(new Set(log.length > 3 ? ["head", "read"] : ["head"]))
    expect(follower.engine.distrust).toBeUndefined()
    expect(follower.moves).toEqual([])
    expect(follower.replica.head.length).toBe(3)
    // The true host comes back to where it was.
    await impostor[Symbol.asyncDispose]()
    await using host = await Host.open(network, clock)
    expect(equalBytes(host.address.signingKey, follower.engine.source.host.signingKey)).toBe(true)
    unwrap(await follower.replica.appendEntries([termsEntry(laptop, 1, 1)], call))
  })
})
