import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { EtcdLedgerSource, type EtcdAddress } from "@keygrove/etcd"
import { emptyHead, nextHead, type LedgerHead } from "@keygrove/ledger"
import { migrateLedger, type LedgerMigration } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { EtcdCluster } from "../../packages/adapters/etcd/src/etcd-cluster.fixture.ts"
import { kitLog, kitPrimitives } from "../../packages/core/ledger/src/ledger-kit.contract.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const log = kitLog(200)
const [place, home] = ["etcd://127.0.0.1/moved", "/ip4/192.0.2.7/tcp/7410/p2p/host"]
let etcd: EtcdCluster
let directory = ""
let count = 0
beforeAll(async () => {
  etcd = await EtcdCluster.start(1)
  directory = mkdtempSync(join(tmpdir(), "keygrove-migrate-"))
})
afterAll(async () => {
  await etcd[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

const freshAddress = (): EtcdAddress => etcd.address(`migrate-${count++}`)
const inEtcd = (address: EtcdAddress): EtcdLedgerSource => new EtcdLedgerSource({ address, access: {}, primitives: kitPrimitives })
const headOf = (entries: readonly Uint8Array[]): LedgerHead =>
  entries.reduce((head, entry) => nextHead(kitPrimitives, head, entry), emptyHead())

/** A file with the first entries of the log. */
async function fileWith(entries: number): Promise<EmbeddedLedgerEngine> {
  const file = unwrap(EmbeddedLedgerEngine.open({ path: join(directory, `${count++}.db`), primitives: kitPrimitives }))
  for (let from = 0; from < entries; from += 64) {
    const batch = log.slice(from, Math.min(entries, from + 64))
    unwrap(await file.append(batch, headOf(log.slice(0, from)), call))
  }
  return file
}

type Ends = Omit<LedgerMigration, "own" | "place" | "onProgress"> & { readonly copy: EmbeddedLedgerEngine }

async function migrate(ends: Ends, to = place): ReturnType<typeof migrateLedger> {
  return await migrateLedger({ ...ends, own: ends.copy.seal, place: to, onProgress: () => undefined }, call)
}

/** An end that is cut off after some calls, as when the process is killed between two of them. */
function cutOff<T extends object>(end: T, calls: { left: number }): T {
  return new Proxy(end, {
    get: (of, name) => {
      const member: unknown = Reflect.get(of, name)
      if (typeof member !== "function") return member
      return async (...args: unknown[]): Promise<unknown> => {
        if (calls.left-- <= 0) throw new Error("cut off")
        return await Reflect.apply(member, of, args)
      }
    },
  })
}

describe("a ledger is moved", () => {
  test("from a file into etcd, and from there into another node's file", async () => {
    await using copy = await fileWith(150)
    await using target = inEtcd(freshAddress())
    const done: number[] = []
    const moved = await migrateLedger({ copy, own: copy.seal, target, place, onProgress: (at) => done.push(at) }, call)
    expect(unwrap(moved)).toEqual(headOf(log.slice(0, 150)))
    expect(done.at(-1)).toBe(150)
    expect(unwrap(await target.head(call))).toEqual(headOf(log.slice(0, 150)))
    expect(unwrap(await copy.seal.movedTo(call))).toBe(place)
    unwrap(await target.append(log.slice(150, 160), headOf(log.slice(0, 150)), call))
    await using other = await fileWith(0)
    expect(unwrap(await migrate({ copy: other, source: target }, home))).toEqual(headOf(log.slice(0, 160)))
    expect(await other.head(call)).toEqual(headOf(log.slice(0, 160)))
    expect(await target.append(log.slice(160), headOf(log.slice(0, 160)), call)).toMatchObject({
      code: "LEDGER_MOVED",
      data: { target: home },
    })
    expect(unwrap(await target.movedTo(call))).toBe(home)
    // Reading what was there goes on.
    expect(unwrap(await target.read(headOf([]).length, 256, call)).entries.length).toBeGreaterThan(0)
  })

  test("whole, whatever it is cut off at, when it is run again", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(12), { maxLength: 4 }), fc.boolean(), async (cuts, isIntoEtcd) => {
        await using copy = await fileWith(isIntoEtcd ? 200 : 40)
        await using there = inEtcd(freshAddress())
        if (!isIntoEtcd)
          for (let from = 0; from < 200; from += 50)
            unwrap(await there.append(log.slice(from, from + 50), headOf(log.slice(0, from)), call))
        const ends = (end: EtcdLedgerSource): Ends => (isIntoEtcd ? { copy, target: end } : { copy, source: end })
        for (const left of cuts) await migrate(ends(cutOff(there, { left }))).catch(() => undefined)
        expect(unwrap(await migrate(ends(there)))).toEqual(headOf(log))
        expect([unwrap(await there.head(call)), await copy.head(call)]).toEqual([headOf(log), headOf(log)])
        expect(unwrap(await (isIntoEtcd ? copy.seal : there).movedTo(call))).toBe(place)
      }),
      { numRuns: 20 },
    )
  })

  test("with what others appended meanwhile", async () => {
    await using copy = await fileWith(10)
    await using source = inEtcd(freshAddress())
    unwrap(await source.append(log.slice(0, 20), emptyHead(), call))
    let appended = 20
    const busy = new Proxy(source, {
      get: (of, name) => {
        if (name === "seal")
          return async (...args: Parameters<EtcdLedgerSource["seal"]>) => {
            if (appended < 23) unwrap(await of.append(log.slice(appended, appended + 1), headOf(log.slice(0, appended++)), call))
            return await of.seal(...args)
          }
        const member: unknown = Reflect.get(of, name)
        return typeof member === "function" ? member.bind(of) : member
      },
    })
    expect(unwrap(await migrate({ copy, source: busy }, home)).length).toBe(23)
    expect((await copy.head(call)).length).toBe(23)
  })
})

describe("a ledger is not moved", () => {
  test("where another one is, and both heads are shown", async () => {
    await using copy = await fileWith(30)
    await using target = inEtcd(freshAddress())
    const others = kitLog(5, "another")
    unwrap(await target.append(others, emptyHead(), call))
    const refused = await migrate({ copy, target })
    const [own, there] = [headOf(log.slice(0, 30)), headOf(others)].map(({ hash }) => Buffer.from(hash).toString("hex"))
    expect(refused).toMatchObject({ code: "LEDGER_TARGET_OTHER", data: { own: `${own} at 30`, there: `${there} at 5` } })
    expect(unwrap(await copy.seal.movedTo(call))).toBeUndefined()
    expect(unwrap(await target.head(call))).toEqual(headOf(others))
  })

  test("away twice, to two places, or into a place that it left", async () => {
    await using copy = await fileWith(30)
    await using first = inEtcd(freshAddress())
    await using second = inEtcd(freshAddress())
    unwrap(await migrate({ copy, target: first }))
    expect(await migrate({ copy, target: second }, "etcd://127.0.0.1/second")).toMatchObject({
      code: "LEDGER_MOVED",
      data: { target: place },
    })
    await using other = await fileWith(0)
    unwrap(await migrate({ copy: other, source: first }, home))
    expect(await migrate({ copy, target: first })).toMatchObject({ code: "LEDGER_MOVED", data: { target: home } })
  })

  test("from an etcd that contradicts this node's copy", async () => {
    await using copy = await fileWith(30)
    await using source = inEtcd(freshAddress())
    unwrap(await source.append(kitLog(40, "forged"), emptyHead(), call))
    expect(await migrate({ copy, source }, home)).toMatchObject({ code: "LEDGER_FORKED" })
    expect(unwrap(await source.movedTo(call))).toBeUndefined()
  })
})

test("a further node takes up what was moved, also when it has grown there", async () => {
  await using copy = await fileWith(30)
  await using further = await fileWith(10)
  await using source = inEtcd(freshAddress())
  await using target = inEtcd(freshAddress())
  unwrap(await source.append(log.slice(0, 30), emptyHead(), call))
  unwrap(await migrate({ copy, source, target }))
  unwrap(await target.append(log.slice(30, 40), headOf(log.slice(0, 30)), call))
  expect(unwrap(await migrate({ copy: further, source, target }))).toEqual(headOf(log.slice(0, 30)))
  expect(unwrap(await target.head(call)).length).toBe(40)
})
