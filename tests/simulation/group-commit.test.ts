import { ok, refuse, unwrap, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import {
  advanceIndex,
  applyEntry,
  decodeEntry,
  emptyHead,
  emptyState,
  MAX_BATCH_ENTRIES,
  nextHead,
  type LedgerHead,
} from "@keygrove/ledger"
import { MemoryLedgerEngine } from "@keygrove/memory"
import { LedgerReplica, type AppendRefusal, type CallOptions, type LedgerEngine, type ReplicaRefusal } from "@keygrove/service"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import {
  clusterEntry,
  kitChild,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  termsEntry,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"
import { plausibleHistories } from "../../packages/core/ledger/src/plausible-history.contract.ts"

type Batch = readonly Uint8Array[]
type Appended = Result<LedgerHead, AppendRefusal>

const call = { signal: AbortSignal.timeout(600_000) }
/** The kit remembers whether a signature holds, which the many runs of a property would check again and again. */
const primitives = { ...nativePrimitives, ed25519: kitPrimitives.ed25519 }
const root = kitRoot("group")
const laptop = kitChild(root, "/laptop")
const opening = [clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1)]

/** An engine in memory that notes what it was given, and may be told to refuse or to wait. */
class WatchedEngine extends MemoryLedgerEngine {
  readonly batches: Batch[] = []
  before: (batch: Batch, expected: LedgerHead, options: CallOptions) => Promise<Appended | undefined> = async () => undefined

  override async append(batch: Batch, expected: LedgerHead, options: CallOptions): Promise<Appended> {
    this.batches.push(batch)
    return (await this.before(batch, expected, options)) ?? (await super.append(batch, expected, options))
  }
}

async function open(engine: LedgerEngine): Promise<LedgerReplica> {
  return unwrap(await LedgerReplica.open({ primitives, engine }, call))
}

/** A replica over a log that has a cluster with one node. */
async function opened(engine: WatchedEngine): Promise<LedgerReplica> {
  const replica = await open(engine)
  unwrap(await replica.appendEntries(opening, call))
  engine.batches.length = 0
  return replica
}

/** What becomes of batches that come one after the other, by the reducer alone. */
function oneAtATime(batches: readonly Batch[]): { readonly log: Batch; readonly answers: readonly (LedgerHead | string)[] } {
  const log: Uint8Array[] = []
  let [state, head] = [emptyState(), emptyHead()]
  const answers = batches.map((batch) => {
    let [after, end] = [state, head]
    for (const bytes of batch) {
      const named = end.length === 0 ? { ...after, origin: kitPrimitives.sha256(bytes) } : after
      const application = applyEntry(kitPrimitives, named, end.length, unwrap(decodeEntry(bytes)))
      if (application.verdict.kind === "void") return application.verdict.reason
      after = application.state
      end = nextHead(kitPrimitives, end, bytes)
    }
    log.push(...batch)
    state = after
    head = end
    return head
  })
  return { log, answers }
}

function shown(answer: Result<LedgerHead, ReplicaRefusal>): LedgerHead | string {
  return answer.ok ? answer.value : answer.code
}

async function logOf(engine: LedgerEngine): Promise<Batch> {
  const entries: Uint8Array[] = []
  const { length } = await engine.head(call)
  while (entries.length < length)
    entries.push(...unwrap(await engine.read(advanceIndex(emptyHead().length, entries.length), 256, call)).entries)
  return entries
}

/** A plausible history cut into batches of up to four entries. */
const batchesOf = fc
  .tuple(plausibleHistories, fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 80, maxLength: 80 }))
  .map(([log, sizes]) => {
    let from = 0
    return sizes.map((size) => log.slice(from, (from += size))).filter((batch) => batch.length > 0)
  })

test("batches that wait together have the answers and the log of batches one after the other", async () => {
  await fc.assert(
    fc.asyncProperty(batchesOf, async (batches) => {
      await using engine = new WatchedEngine(primitives)
      await using replica = await open(engine)
      const answers = await Promise.all(batches.map((batch) => replica.appendEntries(batch, call)))
      const naive = oneAtATime(batches)
      expect(answers.map(shown)).toEqual(naive.answers)
      expect(await logOf(engine)).toEqual(naive.log)
      expect(replica.head).toEqual(await engine.head(call))
      expect(engine.batches.every((batch) => batch.length <= MAX_BATCH_ENTRIES)).toBe(true)
    }),
    { numRuns: 60 },
  )
})

/** What goes wrong at one call of the engine. */
const troubles = fc.array(
  fc.constantFrom<"no" | "others" | "LEDGER_UNREACHABLE" | "DISK_FULL" | "LEDGER_FULL">(
    "no",
    "no",
    "others",
    "LEDGER_UNREACHABLE",
    "DISK_FULL",
    "LEDGER_FULL",
  ),
  { maxLength: 40 },
)

test("whatever the engine refuses and whoever is faster, a batch is on the log whole where its caller was told, or not at all", async () => {
  await fc.assert(
    fc.asyncProperty(batchesOf, troubles, async (batches, plan) => {
      await using engine = new WatchedEngine(primitives)
      await using replica = await open(engine)
      let foreign = 0
      engine.before = async (_batch, expected) => {
        const trouble = plan.shift()
        if (trouble === undefined || trouble === "no") return undefined
        if (trouble !== "others") return refuse(trouble, "as planned")
        const other = clusterEntry(kitRoot(`stranger ${foreign++}`))
        unwrap(await MemoryLedgerEngine.prototype.append.call(engine, [other], expected, call))
        return undefined
      }
      const answers = await Promise.all(batches.map((batch) => replica.appendEntries(batch, call)))
      const log = await logOf(engine)
      let told = 0
      for (const [index, answer] of answers.entries()) {
        const batch = batches[index] ?? []
        if (!answer.ok) continue
        told += batch.length
        expect(log.slice(answer.value.length - batch.length, answer.value.length)).toEqual(batch)
      }
      expect(log.length).toBe(told + foreign)
      const landed = answers.flatMap((answer) => (answer.ok ? [answer.value.length] : []))
      expect(landed).toEqual(landed.toSorted((a, b) => a - b))
      unwrap(await replica.waitUntil((await engine.head(call)).length, call))
      expect(replica.head).toEqual(await engine.head(call))
    }),
    { numRuns: 60 },
  )
})

test("as many as a batch carries go together, the rest behind them", async () => {
  await using engine = new WatchedEngine(primitives)
  await using replica = await opened(engine)
  const answers = await Promise.all(
    Array.from({ length: 150 }, (_, index) => replica.appendEntries([termsEntry(laptop, 1, index + 1)], call)),
  )
  expect(answers.every(({ ok: landed }) => landed)).toBe(true)
  expect(engine.batches.map((batch) => batch.length)).toEqual([MAX_BATCH_ENTRIES, MAX_BATCH_ENTRIES, 150 - 2 * MAX_BATCH_ENTRIES])
})

test("one bad signature is refused to its caller alone, and so is one batch for which there is no room", async () => {
  await using engine = new WatchedEngine(primitives)
  await using replica = await opened(engine)
  const bad = termsEntry(laptop, 1, 2)
  bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1
  engine.before = async (batch) => (batch.length > 2 ? refuse("DISK_FULL", "no room for three") : undefined)
  const [first, second, large, third] = await Promise.all([
    replica.appendEntries([termsEntry(laptop, 1, 1)], call),
    replica.appendEntries([bad], call),
    replica.appendEntries(
      [3, 4, 5].map((revision) => termsEntry(laptop, 1, revision)),
      call,
    ),
    replica.appendEntries([termsEntry(laptop, 1, 6)], call),
  ])
  expect([first, second, large, third].map((answer) => shown(answer))).toMatchObject([
    { length: 4 },
    "LEDGER_ENTRY_INVALID",
    "DISK_FULL",
    { length: 5 },
  ])
})

test("a caller that gives up takes nobody with it; the engine stops when all have", async () => {
  await using engine = new WatchedEngine(primitives)
  await using replica = await opened(engine)
  let held = Promise.withResolvers<void>()
  const signals: AbortSignal[] = []
  engine.before = async (_batch, _expected, { signal }) => {
    signals.push(signal)
    await held.promise
    signal.throwIfAborted()
    return undefined
  }
  const [one, other, late] = [new AbortController(), new AbortController(), new AbortController()]
  const first = replica.appendEntries([termsEntry(laptop, 1, 1)], { signal: one.signal })
  const second = replica.appendEntries([termsEntry(laptop, 1, 2)], { signal: other.signal })
  await expect.poll(() => signals.length).toBe(1)
  const third = replica.appendEntries([termsEntry(laptop, 1, 3)], { signal: late.signal })
  one.abort(new Error("gave up"))
  await expect(first).rejects.toThrow("gave up")
  expect(signals[0]?.aborted).toBe(false)
  late.abort(new Error("never began"))
  await expect(third).rejects.toThrow("never began")
  held.resolve()
  // What was under way is written, also for the one that did not wait for it.
  expect(await second).toMatchObject({ ok: true, value: { length: 5 } })
  expect((await engine.head(call)).length).toBe(5)
  held = Promise.withResolvers()
  const alone = new AbortController()
  const fourth = replica.appendEntries([termsEntry(laptop, 1, 4)], { signal: alone.signal })
  await expect.poll(() => signals.length).toBe(2)
  alone.abort(new Error("all gave up"))
  await expect(fourth).rejects.toThrow("all gave up")
  expect(signals[1]?.aborted).toBe(true)
  held.resolve()
  expect(unwrap(await replica.appendEntries([termsEntry(laptop, 1, 5)], call)).length).toBe(6)
})

test("what is void only because of a batch that was not written is judged again", async () => {
  await using engine = new WatchedEngine(primitives)
  await using replica = await opened(engine)
  engine.before = async () => (engine.batches.length === 1 ? refuse("LEDGER_UNREACHABLE", "away") : undefined)
  const [first, again] = await Promise.all([2, 1].map((revision) => replica.appendEntries([termsEntry(laptop, 1, revision)], call)))
  expect([first, again]).toMatchObject([refuse("LEDGER_UNREACHABLE", "away"), ok({ length: 4 })])
})
