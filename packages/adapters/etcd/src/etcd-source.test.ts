import { createServer, type AddressInfo } from "node:net"
import { equalBytes, unwrap, utf8 } from "@keygrove/base"
import { decodeLedgerIndex, emptyHead, MAX_ENTRY_BYTES, nextHead, type LedgerHead } from "@keygrove/ledger"
import { MemoryLedgerEngine } from "@keygrove/memory"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { kitLog, kitPrimitives } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { ledgerEngineContract } from "../../../service/src/ports/ledger-engine.contract.ts"
import { CuttingProxy } from "./cutting-proxy.fixture.ts"
import { EtcdCluster, hasEtcd } from "./etcd-cluster.fixture.ts"
import { KIT_DEADLINES, kitEngine, kitSource } from "./etcd-engine.fixture.ts"
import { encodeHead, encodeStoredEntry } from "./log-format.ts"

const call = { signal: AbortSignal.timeout(600_000) }
let cluster: EtcdCluster
let count = 0
const freshName = (): string => `ledger-${count++}`
const key = (name: string, index: number): string => `/${name}/entry/${String(index).padStart(16, "0")}`

function headOf(entries: readonly Uint8Array[]): LedgerHead {
  return entries.reduce((head, entry) => nextHead(kitPrimitives, head, entry), emptyHead())
}

describe.skipIf(!hasEtcd)("three members", () => {
  beforeAll(async () => {
    cluster = await EtcdCluster.start(3)
  })
  afterAll(async () => await cluster[Symbol.asyncDispose]())

  ledgerEngineContract("etcd", { open: async () => kitEngine(cluster.address(freshName())) })

  describe("a ledger in etcd", () => {
    test("has a key for each entry and one for the head", async () => {
      const name = freshName()
      await using source = kitSource(cluster.address(name))
      const log = kitLog(3)
      unwrap(await source.append(log.slice(0, 2), emptyHead(), call))
      unwrap(await source.append(log.slice(2), headOf(log.slice(0, 2)), call))
      for (const [index, entry] of log.entries()) {
        const { value } = await cluster.get(key(name, index))
        expect(value).toEqual(encodeStoredEntry(headOf(log.slice(0, index + 1)).hash, entry))
      }
      expect((await cluster.get(`/${name}/head`)).value).toEqual(encodeHead(headOf(log)))
    })

    test("is written by several nodes, which see each other's entries", async () => {
      const address = cluster.address(freshName())
      await using one = kitEngine(address)
      await using other = kitEngine(address)
      const log = kitLog(4)
      let head = unwrap(await one.append(log.slice(0, 1), emptyHead(), call))
      await vi.waitFor(async () => expect(await other.head(call)).toEqual(headOf(log.slice(0, 1))), { timeout: 60_000 })
      head = unwrap(await other.append(log.slice(1, 3), head, call))
      await vi.waitFor(async () => expect(await one.head(call)).toEqual(head), { timeout: 60_000 })
      expect(await other.append(log.slice(3), headOf(log.slice(0, 1)), call)).toMatchObject({ ok: false, code: "LEDGER_HEAD_MOVED" })
      unwrap(await one.append(log.slice(3), head, call))
      await vi.waitFor(async () => expect(await other.head(call)).toEqual(headOf(log)), { timeout: 60_000 })
    })

    test("wakes who waits for news with others' entries, and not with its own", async () => {
      const address = cluster.address(freshName())
      await using one = kitSource(address)
      await using other = kitSource(address)
      const log = kitLog(12)
      let head = unwrap(await one.append(log.slice(0, 1), emptyHead(), call))
      const news = one.wait(head.length, call)
      for (const entry of log.slice(1, 11)) head = unwrap(await one.append([entry], head, call))
      const last = unwrap(await other.append(log.slice(11), head, call))
      expect(unwrap(await news)).toEqual(last)
    })

    test("is followed on after etcd compacted its history away", async () => {
      const address = cluster.address(freshName())
      await using writer = kitSource(address)
      const log = kitLog(40)
      unwrap(await writer.append(log.slice(0, 10), emptyHead(), call))
      // A watch that was cut off goes on after the compaction of all that it has missed.
      await using proxy = await CuttingProxy.open(address.endpoints[0] ?? { host: "", port: 0 })
      await using follower = kitEngine({ ...address, endpoints: [proxy.endpoint] }, { deadlines: KIT_DEADLINES })
      unwrap(await follower.caughtUp(call))
      proxy.loseAnswers(true)
      unwrap(await writer.append(log.slice(10, 20), headOf(log.slice(0, 10)), call))
      unwrap(await writer.append(log.slice(20, 30), headOf(log.slice(0, 20)), call))
      await cluster.compact()
      proxy.loseAnswers(false)
      await vi.waitFor(async () => expect(await follower.head(call)).toEqual(headOf(log.slice(0, 30))), { timeout: 60_000 })
      unwrap(await writer.append(log.slice(30), headOf(log.slice(0, 30)), call))
      await vi.waitFor(async () => expect(await follower.head(call)).toEqual(headOf(log)), { timeout: 60_000 })
    })

    test("is read and written past a member that answers garbage", async () => {
      const address = cluster.address(freshName())
      const server = createServer((socket) => {
        socket.on("error", () => undefined)
        socket.end("this is no etcd\r\n\r\n")
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const bound: AddressInfo | string | null = server.address()
      const port = bound === null || typeof bound === "string" ? 0 : bound.port
      await using source = kitSource({ ...address, endpoints: [{ host: "127.0.0.1", port }, ...address.endpoints] })
      const head = unwrap(await source.append(kitLog(1), emptyHead(), call))
      expect(unwrap(await source.head(call))).toEqual(head)
      const { members } = await source.health(call)
      expect(members[0]?.trouble).toEqual(expect.any(String))
      server.close()
    })

    test("is closed at its head, once and for one place, also when the answer is lost", async () => {
      const address = cluster.address(freshName())
      await using proxy = await CuttingProxy.open(address.endpoints[0] ?? { host: "", port: 0 })
      await using source = kitSource(
        { ...address, endpoints: [proxy.endpoint, ...address.endpoints.slice(1)] },
        { deadlines: KIT_DEADLINES },
      )
      const log = kitLog(2)
      const head = unwrap(await source.append(log.slice(0, 1), emptyHead(), call))
      expect(unwrap(await source.movedTo(call))).toBeUndefined()
      expect(await source.seal("elsewhere", emptyHead(), call)).toMatchObject({ ok: false, code: "LEDGER_HEAD_MOVED" })
      proxy.loseAnswers(true)
      unwrap(await source.seal("elsewhere", head, call))
      proxy.loseAnswers(false)
      unwrap(await source.seal("elsewhere", head, call))
      expect(await source.seal("another place", head, call)).toMatchObject({ ok: false, code: "LEDGER_MOVED" })
      expect(unwrap(await source.movedTo(call))).toBe("elsewhere")
      await using engine = kitEngine(address)
      unwrap(await engine.caughtUp(call))
      expect(await engine.append(log.slice(1), head, call)).toMatchObject({
        ok: false,
        code: "LEDGER_MOVED",
        data: { target: "elsewhere" },
      })
      expect(unwrap(await source.head(call))).toEqual(head)
    })

    test("tells how its members are", async () => {
      await using source = kitSource(cluster.address(freshName()))
      const health = await source.health(call)
      expect(health.hasLeader).toBe(true)
      expect(health.members.filter(({ isLeader }) => isLeader)).toHaveLength(1)
      for (const { status, trouble } of health.members) {
        expect(trouble).toBeUndefined()
        expect(status).toMatchObject({ alarms: [], version: expect.stringMatching(/^3\./) })
        expect(status?.raftIndex).toBeGreaterThan(0)
        expect(status?.raftTerm).toBeGreaterThan(0)
        expect(status?.databaseBytes).toBeGreaterThan(0)
      }
    })
  })

  describe("an append whose answer is lost", () => {
    test("is found at another member, and not made twice", async () => {
      const address = cluster.address(freshName())
      await using proxy = await CuttingProxy.open(address.endpoints[0] ?? { host: "", port: 0 })
      await using source = kitSource(
        { ...address, endpoints: [proxy.endpoint, ...address.endpoints.slice(1)] },
        { deadlines: KIT_DEADLINES },
      )
      const log = kitLog(4)
      unwrap(await source.append(log.slice(0, 2), emptyHead(), call))
      proxy.loseAnswers(true)
      expect(unwrap(await source.append(log.slice(2), headOf(log.slice(0, 2)), call))).toEqual(headOf(log))
      expect(proxy.lost).toBeGreaterThan(0)
      expect(unwrap(await source.head(call))).toEqual(headOf(log))
    })

    test("is not taken for another's that was faster", async () => {
      const address = cluster.address(freshName())
      await using proxy = await CuttingProxy.open(address.endpoints[0] ?? { host: "", port: 0 })
      await using source = kitSource({ ...address, endpoints: [proxy.endpoint] }, { deadlines: KIT_DEADLINES })
      await using other = kitSource(address)
      const log = kitLog(2)
      unwrap(await source.append(log.slice(0, 1), emptyHead(), call))
      proxy.loseAnswers(true)
      unwrap(await other.append(log.slice(1), headOf(log.slice(0, 1)), call))
      const appending = source.append(kitLog(3, "other").slice(1, 2), headOf(log.slice(0, 1)), call)
      await vi.waitFor(() => expect(proxy.lost).toBeGreaterThan(0), { timeout: 60_000 })
      proxy.loseAnswers(false)
      expect(await appending).toMatchObject({ ok: false, code: "LEDGER_HEAD_MOVED" })
    })

    test("says that it may be there when no member answers, and then it is there once", async () => {
      const address = cluster.address(freshName())
      await using proxy = await CuttingProxy.open(address.endpoints[0] ?? { host: "", port: 0 })
      await using engine = kitEngine({ ...address, endpoints: [proxy.endpoint] }, { deadlines: KIT_DEADLINES })
      const log = kitLog(2)
      const head = unwrap(await engine.append(log.slice(0, 1), emptyHead(), call))
      proxy.loseAnswers(true)
      const refused = await engine.append(log.slice(1), head, call)
      expect(refused).toMatchObject({ ok: false, code: "LEDGER_UNREACHABLE", message: expect.stringContaining("may have been") })
      proxy.loseAnswers(false)
      await vi.waitFor(async () => expect(await engine.head(call)).toEqual(headOf(log)), { timeout: 60_000 })
      expect(await engine.append(log.slice(1), head, call)).toMatchObject({ ok: false, code: "LEDGER_HEAD_MOVED" })
    })
  })

  describe("an etcd that somebody changed", () => {
    test.each([
      ["another history of the same length", kitLog(4, "other")],
      ["a shorter log", kitLog(3)],
      ["nothing", []],
      ["a longer one of another history", kitLog(9, "other")],
    ])("is refused at start when it has %s, with both heads", async (_name, shown) => {
      const address = cluster.address(freshName())
      await using source = kitSource(address)
      if (shown.length > 0) unwrap(await source.append(shown, emptyHead(), call))
      const copy = new MemoryLedgerEngine(kitPrimitives)
      unwrap(await copy.append(kitLog(4), emptyHead(), call))
      await using engine = kitEngine(address, { copy })
      const own = headOf(kitLog(4))
      const refused = await engine.caughtUp(call)
      expect(refused).toMatchObject({ ok: false, code: "LEDGER_FORKED", data: { own: `${Buffer.from(own.hash).toString("hex")} at 4` } })
      expect(await engine.append(kitLog(5).slice(4), own, call)).toMatchObject({ ok: false, code: "LEDGER_FORKED" })
      expect(unwrap(await engine.read(own.length, 10, call)).entries).toEqual([])
      expect(await engine.head(call)).toEqual(own)
    })

    test("is refused by an append that meets another history of the same length", async () => {
      const name = freshName()
      await using engine = kitEngine(cluster.address(name))
      const log = kitLog(3)
      unwrap(await engine.append(log.slice(0, 2), emptyHead(), call))
      const other = kitLog(2, "other")
      await cluster.put(`/${name}/head`, encodeHead(headOf(other)))
      expect(await engine.append(log.slice(2), headOf(log.slice(0, 2)), call)).toMatchObject({ ok: false, code: "LEDGER_FORKED" })
      expect((await cluster.get(key(name, 2))).value).toBeUndefined()
    })

    test.each([
      ["an entry is missing", async (name: string) => await cluster.delete(key(name, 1))],
      ["an entry is too long", async (name: string) => await cluster.put(key(name, 1), new Uint8Array(33 + MAX_ENTRY_BYTES))],
      ["an entry is none", async (name: string) => await cluster.put(key(name, 1), utf8("x"))],
      ["the head is none", async (name: string) => await cluster.put(`/${name}/head`, utf8("another program's"))],
      ["the head is too long", async (name: string) => await cluster.put(`/${name}/head`, new Uint8Array(100_000))],
      [
        "an entry is not signed",
        async (name: string) => await cluster.put(key(name, 1), encodeStoredEntry(headOf(kitLog(2)).hash, utf8("no entry"))),
      ],
    ])("is corrupt to whoever reads it when %s", async (_name, damage) => {
      const name = freshName()
      await using source = kitSource(cluster.address(name))
      unwrap(await source.append(kitLog(3), emptyHead(), call))
      await damage(name)
      await using engine = kitEngine(cluster.address(name))
      expect(await engine.caughtUp(call)).toMatchObject({ ok: false, code: "LEDGER_CORRUPT" })
      expect(await engine.append(kitLog(4).slice(3), headOf(kitLog(3)), call)).toMatchObject({ ok: false, code: "LEDGER_CORRUPT" })
    })

    test("is found corrupt by who follows it as soon as its head is none", async () => {
      const name = freshName()
      await using engine = kitEngine(cluster.address(name))
      unwrap(await engine.append(kitLog(2), emptyHead(), call))
      unwrap(await engine.caughtUp(call))
      await cluster.put(`/${name}/head`, utf8("no head"))
      await vi.waitFor(() => expect(engine.distrust?.code).toBe("LEDGER_CORRUPT"), { timeout: 60_000 })
      expect(unwrap(await engine.read(emptyHead().length, 10, call)).entries).toHaveLength(2)
    })

    test("is not written over where it has entries that its head does not count", async () => {
      const name = freshName()
      await using source = kitSource(cluster.address(name))
      const stray = utf8("stray")
      await cluster.put(key(name, 0), stray)
      expect(await source.append(kitLog(1), emptyHead(), call)).toMatchObject({ ok: false, code: "LEDGER_CORRUPT" })
      const { value } = await cluster.get(key(name, 0))
      expect(value !== undefined && equalBytes(value, stray)).toBe(true)
    })

    test("may have other keys beside the log", async () => {
      const name = freshName()
      await cluster.put(`/${name}/entry`, utf8("no index"))
      await cluster.put(`/${name}/note`, utf8("no entry"))
      await cluster.put(`/${name}0`, utf8("beside the prefix"))
      await using engine = kitEngine(cluster.address(name))
      const head = unwrap(await engine.append(kitLog(3), emptyHead(), call))
      await using reader = kitEngine(cluster.address(name))
      unwrap(await reader.caughtUp(call))
      expect(await reader.head(call)).toEqual(head)
    })

    test("gives long entries in slices that stay within their limit", async () => {
      const name = freshName()
      await using source = kitSource(cluster.address(name))
      const long = new Uint8Array(MAX_ENTRY_BYTES)
      let head = emptyHead()
      for (let index = 0; index < 40; index++) {
        head = nextHead(kitPrimitives, head, long)
        await cluster.put(key(name, index), encodeStoredEntry(head.hash, long))
      }
      await cluster.put(`/${name}/head`, encodeHead(head))
      const counts: number[] = []
      for (let from = 0; from < 40; from += counts.at(-1) ?? 1) {
        const slice = unwrap(await source.read(unwrap(decodeLedgerIndex(from)), 256, call))
        counts.push(slice.entries.length)
      }
      expect(Math.max(...counts)).toBeLessThanOrEqual(15)
      expect(counts.reduce((sum, each) => sum + each, 0)).toBe(40)
    })
  })
})
