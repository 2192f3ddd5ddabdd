import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { decodeLedgerIndex, emptyHead, findNodeByKey, type LedgerIndex } from "@keygrove/ledger"
import { MemoryLedgerEngine, MemoryNetwork, SimulatedClock } from "@keygrove/memory"
import { followHost, LedgerReplica, serveLedger, type LedgerEngine } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { systemClock } from "@keygrove/system"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { nativePrimitives } from "@keygrove/curves-native"
import {
  clusterEntry,
  kitChild,
  kitGrant,
  kitEntry,
  kitKey,
  kitLog,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  signingName,
  termsEntry,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"
import { ledgerEngineContract } from "../../packages/service/src/ports/ledger-engine.contract.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const at = (index: number): LedgerIndex => unwrap(decodeLedgerIndex(index))
const hostKey = kitKey("host")
const host = { signingKey: hostKey, addresses: [] }

/** Disposes of the parts after the engine, so that the contract suite sees one engine. */
function withParts(engine: LedgerEngine, parts: AsyncDisposableStack): LedgerEngine {
  return {
    head: (options) => engine.head(options),
    read: (from, limit, options) => engine.read(from, limit, options),
    append: (batch, expected, options) => engine.append(batch, expected, options),
    refresh: (options) => engine.refresh(options),
    watch: (from, options) => engine.watch(from, options),
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]()
      await parts.disposeAsync()
    },
  }
}

ledgerEngineContract("follower", {
  open: async () => {
    await using parts = new AsyncDisposableStack()
    const network = new MemoryNetwork()
    const engine = parts.use(new MemoryLedgerEngine(kitPrimitives))
    const served = parts.use(network.join(hostKey))
    parts.use(serveLedger({ transport: served, engine, clock: systemClock }))
    const transport = parts.use(network.join(kitKey("follower")))
    const copy = new MemoryLedgerEngine(kitPrimitives)
    const follower = followHost({ transport, host, copy, clock: systemClock, primitives: kitPrimitives })
    return withParts(follower, parts.move())
  },
})

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "keygrove-follower-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

const embedded = (name: string): EmbeddedLedgerEngine =>
  unwrap(EmbeddedLedgerEngine.open({ path: join(directory, name), primitives: nativePrimitives }))

describe("one embedded ledger and its followers", () => {
  test("two followers see the same state, append through the host, and read offline", async () => {
    const network = new MemoryNetwork()
    await using hostTransport = network.join(hostKey)
    const served = embedded("host.db")
    await using servedReplica = unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine: served }, call))
    using _service = serveLedger({ transport: hostTransport, engine: served, clock: systemClock, replica: servedReplica })
    await using replicas = new AsyncDisposableStack()
    const open = async (name: string): Promise<LedgerReplica> => {
      const transport = replicas.use(network.join(kitKey(name)))
      const engine = followHost({
        transport,
        host,
        copy: embedded(`${name}.db`),
        clock: systemClock,
        primitives: nativePrimitives,
      })
      return replicas.use(unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call)))
    }
    const [alice, bob] = [await open("alice"), await open("bob")]
    const root = kitRoot("alice")
    const laptop = kitChild(root, "/laptop")
    unwrap(await alice.appendEntries([clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1)], call))
    unwrap(await bob.waitUntil(at(3), call))
    unwrap(await bob.appendEntries([termsEntry(laptop, 1, 1)], call))
    const grant = kitGrant("photos", { node: laptop, epoch: 1 }, [{ node: laptop, epoch: 1 }])
    const entry = kitEntry({ kind: "policy-granted", body: grant }, laptop, signingName(laptop, 1))
    unwrap(await alice.appendEntries([entry], call))
    expect(await bob.appendEntries([entry], call)).toMatchObject({ ok: false, code: "POLICY_DUPLICATE" })
    for (const replica of [alice, bob, servedReplica]) {
      unwrap(await replica.waitUntil(at(5), call))
      expect(replica.head).toEqual(alice.head)
      expect(replica.state.policies.size).toBe(1)
      expect(findNodeByKey(replica.state, kitKey(signingName(laptop, 1)))?.terms?.revision).toBe(1)
    }
    network.setReachable(hostKey, false)
    expect(await alice.appendEntries([termsEntry(laptop, 1, 2)], call)).toMatchObject({ ok: false, code: "LEDGER_UNREACHABLE" })
    expect(bob.state.policies.size).toBe(1)
    network.setReachable(hostKey, true)
    unwrap(await alice.appendEntries([termsEntry(laptop, 1, 2)], call))
    unwrap(await bob.waitUntil(at(6), call))
  })

  test("a host judges each batch against all before it, however fast they come, and refuses void ones", async () => {
    const network = new MemoryNetwork()
    await using served = network.join(hostKey)
    const engine = new MemoryLedgerEngine(nativePrimitives)
    await using replica = unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call))
    using _service = serveLedger({ transport: served, engine, clock: systemClock, replica })
    await using transport = network.join(kitKey("follower"))
    const copy = new MemoryLedgerEngine(nativePrimitives)
    await using follower = followHost({ transport, host, copy, clock: systemClock, primitives: nativePrimitives })
    const log = kitLog(30)
    let head = emptyHead()
    for (const entry of log) head = unwrap(await follower.append([entry], head, call))
    expect(await follower.append(log.slice(5, 6), head, call)).toMatchObject({ ok: false, code: "LEDGER_ENTRY_INVALID" })
    expect((await engine.head(call)).length).toBe(30)
  })

  test("a follower refuses a host with another history, and one that cut its log", async () => {
    for (const [name, shown] of [
      ["other history", kitLog(4, "other")],
      ["cut log", kitLog(3)],
      ["empty log", []],
    ] as const) {
      const network = new MemoryNetwork()
      await using copy = new MemoryLedgerEngine(nativePrimitives)
      unwrap(await copy.append(kitLog(4), emptyHead(), call))
      await using engine = new MemoryLedgerEngine(nativePrimitives)
      if (shown.length > 0) unwrap(await engine.append(shown, emptyHead(), call))
      await using served = network.join(hostKey)
      using _service = serveLedger({ transport: served, engine, clock: systemClock })
      await using transport = network.join(kitKey("follower"))
      await using follower = followHost({ transport, host, copy, clock: systemClock, primitives: nativePrimitives })
      const refused = await follower.caughtUp(call)
      expect(refused, name).toMatchObject({ ok: false, code: "LEDGER_FORKED" })
      expect(await follower.append(kitLog(5).slice(4), await copy.head(call), call)).toMatchObject({ ok: false, code: "LEDGER_FORKED" })
      expect(unwrap(await follower.read(at(0), 10, call)).entries.length).toBe(4)
      await expect(async () => {
        for await (const slice of follower.watch(at(4), call)) expect.unreachable(`got ${slice.entries.length} entries`)
      }).rejects.toMatchObject({ code: "LEDGER_FORKED" })
    }
  })

  test("a longer log that does not continue the copy is a fork before anything of it is kept", async () => {
    const network = new MemoryNetwork()
    const copy = new MemoryLedgerEngine(nativePrimitives)
    unwrap(await copy.append(kitLog(4), emptyHead(), call))
    await using engine = new MemoryLedgerEngine(nativePrimitives)
    unwrap(await engine.append(kitLog(9, "other"), emptyHead(), call))
    await using served = network.join(hostKey)
    using _service = serveLedger({ transport: served, engine, clock: systemClock })
    await using transport = network.join(kitKey("follower"))
    await using follower = followHost({ transport, host, copy, clock: systemClock, primitives: nativePrimitives })
    expect(await follower.caughtUp(call)).toMatchObject({ ok: false, code: "LEDGER_FORKED" })
    expect((await copy.head(call)).length).toBe(4)
  })

  test("a follower comes back after a cut line with growing pauses, and its append fails within the deadline", async () => {
    const network = new MemoryNetwork()
    const clock = new SimulatedClock()
    await using engine = new MemoryLedgerEngine(nativePrimitives)
    await using served = network.join(hostKey)
    await using transport = network.join(kitKey("follower"))
    const silent = served.serve(
      "ledger",
      (_request, options) =>
        new Promise((_resolve, reject) => options.signal.addEventListener("abort", () => reject(new Error("gone")), { once: true })),
    )
    const copy = new MemoryLedgerEngine(nativePrimitives)
    await using follower = followHost({ transport, host, copy, clock, primitives: nativePrimitives })
    const appending = follower.append(kitLog(1), emptyHead(), call)
    await clock.advance(10_000)
    expect(await appending).toMatchObject({ ok: false, code: "LEDGER_UNREACHABLE" })
    network.setReachable(hostKey, false)
    await clock.advance(60_000)
    silent[Symbol.dispose]()
    using _service = serveLedger({ transport: served, engine, clock })
    unwrap(await engine.append(kitLog(3), emptyHead(), call))
    network.setReachable(hostKey, true)
    await clock.advance(30_000)
    unwrap(await follower.caughtUp(call))
    expect((await follower.head(call)).length).toBe(3)
  })
})
