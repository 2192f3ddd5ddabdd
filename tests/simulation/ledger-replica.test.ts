import { ok, refuse, unwrap, type Result } from "@keygrove/base"
import { decodeLedgerIndex, emptyHead, findNode, type LedgerHead } from "@keygrove/ledger"
import { MemoryLedgerEngine } from "@keygrove/memory"
import { LedgerReplica, type AppendRefusal, type LedgerEngine, type StatementSigner } from "@keygrove/service"
import { nativePrimitives } from "@keygrove/curves-native"
import { expect, test } from "vitest"
import {
  clusterEntry,
  kitChild,
  kitGrant,
  kitKey,
  kitLog,
  kitRoot,
  kitSeed,
  nodeEntry,
  rekeyEntry,
  signingName,
  termsEntry,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const root = kitRoot("alice")
const laptop = kitChild(root, "/laptop")
const opening = [clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1)]
const open = async (engine: LedgerEngine): Promise<LedgerReplica> =>
  unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call))
const signer: StatementSigner = {
  cluster: laptop.cluster,
  path: laptop.path,
  key: kitKey(signingName(laptop, 1)),
  sign: async (message) => {
    using seed = kitSeed(signingName(laptop, 1))
    return ok(nativePrimitives.ed25519.sign(seed, message))
  },
}
const body = kitGrant("photos", { node: laptop, epoch: 1 }, [{ node: laptop, epoch: 1 }])

/** An engine shared by several replicas, which each own what they are given. */
function shared(engine: LedgerEngine, append: LedgerEngine["append"] = (...args) => engine.append(...args)): LedgerEngine {
  return {
    head: (o) => engine.head(o),
    read: (...args) => engine.read(...args),
    append,
    refresh: (o) => engine.refresh(o),
    watch: (...args) => engine.watch(...args),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

test("replays, signs, appends, and refuses what would be void without writing it", async () => {
  const engine = new MemoryLedgerEngine(nativePrimitives)
  unwrap(await engine.append(opening, emptyHead(), call))
  await using replica = await open(engine)
  expect(findNode(replica.state, laptop)?.keys?.epoch).toBe(1)
  const head: LedgerHead = unwrap(await replica.append([{ kind: "policy-granted", body }], signer, call))
  expect(replica.head).toEqual(head)
  expect(await replica.append([{ kind: "policy-granted", body }], signer, call)).toMatchObject({ ok: false, code: "POLICY_DUPLICATE" })
  expect((await engine.head(call)).length).toBe(4)
  const locked = { ...signer, sign: async () => refuse("KEYSTORE_LOCKED", "locked") }
  expect(await replica.append([{ kind: "policy-revoked", body: { policyId: body.policyId } }], locked, call)).toMatchObject({
    code: "KEYSTORE_LOCKED",
  })
})

test("a batch is judged as a whole, each entry after the ones before it", async () => {
  await using replica = await open(new MemoryLedgerEngine(nativePrimitives))
  expect(await replica.appendEntries([...opening.slice(0, 2), rekeyEntry(laptop, 2)], call)).toMatchObject({ code: "REKEY_EPOCH_WRONG" })
  expect(replica.head.length).toBe(0)
  expect((await replica.appendEntries(opening, call)).ok).toBe(true)
})

test("many replicas of one engine append at once; every append lands or says why", async () => {
  await using engine = new MemoryLedgerEngine(nativePrimitives)
  unwrap(await engine.append(opening, emptyHead(), call))
  await using replicas = new AsyncDisposableStack()
  const all: LedgerReplica[] = []
  for (let count = 0; count < 3; count++) all.push(replicas.use(await open(shared(engine))))
  const results = await Promise.all(
    Array.from({ length: 12 }, (_, index) => Promise.resolve(all[index % 3]?.appendEntries([termsEntry(laptop, 1, index + 1)], call))),
  )
  const landed = results.filter((result) => result?.ok === true).length
  expect(results.every((result) => result?.ok === true || result?.code === "PROXY_TERMS_STALE")).toBe(true)
  expect((await engine.head(call)).length).toBe(3 + landed)
  for (const replica of all) {
    unwrap(await replica.waitUntil(unwrap(decodeLedgerIndex(3 + landed)), call))
    expect(findNode(replica.state, laptop)?.terms?.revision).toBe(12)
  }
})

test("gives up against a head that always moves, after a bounded number of tries", async () => {
  await using engine = new MemoryLedgerEngine(nativePrimitives)
  let tries = 0
  const moving = async (): Promise<Result<LedgerHead, AppendRefusal>> => {
    tries++
    return refuse("LEDGER_HEAD_MOVED", "moved")
  }
  await using replica = await open(shared(engine, moving))
  expect(await replica.appendEntries(opening, call)).toMatchObject({ code: "LEDGER_HEAD_MOVED" })
  expect(tries).toBe(16)
})

test("a slow reader of changes gets the newest state, and the end with the signal", async () => {
  await using replica = await open(new MemoryLedgerEngine(nativePrimitives))
  const stop = new AbortController()
  const changes = replica.changes({ signal: stop.signal })
  expect((await changes.next()).value?.head.length).toBe(0)
  for (const entry of opening) unwrap(await replica.appendEntries([entry], call))
  expect((await changes.next()).value?.head.length).toBe(3)
  const next = changes.next()
  stop.abort()
  expect(await next).toMatchObject({ done: true })
})

test("a corrupt entry is named at opening, and stops a running replica with its state kept", async () => {
  const log = kitLog(3)
  const [good = new Uint8Array(0), bad = new Uint8Array(0)] = log
  const broken = Uint8Array.from(bad)
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1
  // An engine that does not check, as a hostile or damaged one.
  const lying = (entries: readonly Uint8Array[], shown: number): LedgerEngine => ({
    head: async () => ({ ...emptyHead(), length: unwrap(decodeLedgerIndex(shown)) }),
    read: async (from, limit) => ok({ from, before: emptyHead().hash, entries: entries.slice(from, from + limit) }),
    append: async () => refuse("LEDGER_FULL", "full"),
    refresh: async () => ok(true),
    watch: async function* (from) {
      yield { from, before: emptyHead().hash, entries: entries.slice(from) }
    },
    [Symbol.asyncDispose]: async () => undefined,
  })
  expect(await LedgerReplica.open({ primitives: nativePrimitives, engine: lying([broken], 1) }, call)).toMatchObject({
    code: "LEDGER_CORRUPT",
    data: { index: 0 },
  })
  expect(await LedgerReplica.open({ primitives: nativePrimitives, engine: lying([good], 1) }, call)).toMatchObject({
    code: "LEDGER_CORRUPT",
  })
  await using replica = await open(lying([good, broken], 0))
  expect(await replica.waitUntil(unwrap(decodeLedgerIndex(2)), call)).toMatchObject({
    ok: false,
    code: "LEDGER_CORRUPT",
    data: { index: 1 },
  })
  expect(replica.failure).toMatchObject({ code: "LEDGER_CORRUPT" })
  expect(replica.state.clusters.size).toBe(1)
  expect(await replica.appendEntries([good], call)).toMatchObject({ code: "LEDGER_CORRUPT" })
})
