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
import {
  FollowerLedgerEngine,
  LedgerReplica,
  type AppendRefusal,
  type CallOptions,
  type LedgerEngine,
  type LedgerSource,
  type ReplicaRefusal,
} from "@keygrove/service"
import { systemClock } from "@keygrove/system"
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

/** A ledger that tells nobody when it grows: who does not ask is behind. */
class QuietSource implements LedgerSource {
  readonly title: string = "the quiet ledger"
  readonly #log: MemoryLedgerEngine
  readonly #stop = new AbortController()
  /** Times that its head was asked for. */
  asked = 0
  isAway = false

  constructor(log: MemoryLedgerEngine) {
    this.#log = log
  }

  async head(options: CallOptions): Promise<Result<LedgerHead, "LEDGER_UNREACHABLE">> {
    this.asked++
    return this.isAway ? refuse("LEDGER_UNREACHABLE", "away") : ok(await this.#log.head(options))
  }

  read: LedgerSource["read"] = async (...args) => await this.#log.read(...args)

  append: LedgerSource["append"] = async (...args) => (this.isAway ? refuse("LEDGER_UNREACHABLE", "away") : await this.#log.append(...args))

  async wait(_length: number, { signal }: CallOptions): Promise<Result<LedgerHead, "LEDGER_UNREACHABLE">> {
    const over = Promise.withResolvers<void>()
    AbortSignal.any([signal, this.#stop.signal]).addEventListener("abort", () => over.resolve())
    await over.promise
    return refuse("LEDGER_UNREACHABLE", "closed")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
  }
}

/** A replica that follows a log which tells it nothing, once it has all that is there. */
async function behind(log: MemoryLedgerEngine, stack: AsyncDisposableStack): Promise<{ replica: LedgerReplica; source: QuietSource }> {
  const source = new QuietSource(log)
  const engine = FollowerLedgerEngine.start({ source, copy: new MemoryLedgerEngine(primitives), clock: systemClock, primitives })
  const replica = stack.use(await open(engine))
  unwrap(await engine.caughtUp(call))
  unwrap(await replica.waitUntil((await log.head(call)).length, call))
  return { replica, source }
}

test("however far behind they are, replicas answer as one that has read everything", async () => {
  await fc.assert(
    fc.asyncProperty(batchesOf, fc.array(fc.nat(2), { minLength: 80, maxLength: 80 }), async (batches, turns) => {
      await using stack = new AsyncDisposableStack()
      const log = stack.use(new MemoryLedgerEngine(primitives))
      const replicas = [await behind(log, stack), await behind(log, stack), await behind(log, stack)]
      const answers: (LedgerHead | string)[] = []
      for (const [index, batch] of batches.entries()) {
        const replica = replicas[turns[index] ?? 0]?.replica
        if (replica !== undefined) answers.push(shown(await replica.appendEntries(batch, call)))
      }
      const naive = oneAtATime(batches)
      expect(answers).toEqual(naive.answers)
      expect(await logOf(log)).toEqual(naive.log)
    }),
    { numRuns: 12 },
  )
})

test("what newer entries allow is not refused; the ledger is asked only when something would be", async () => {
  await using stack = new AsyncDisposableStack()
  const log = stack.use(new WatchedEngine(primitives))
  const others = await opened(log)
  stack.use(others)
  const { replica, source } = await behind(log, stack)
  const asked = source.asked
  unwrap(await replica.appendEntries([termsEntry(laptop, 1, 1)], call))
  expect(source.asked).toBe(asked)
  const phone = kitChild(root, "/phone")
  unwrap(await others.appendEntries([nodeEntry(root, phone), rekeyEntry(phone, 1)], call))
  const answers = await Promise.all([1, 2, 2].map((revision) => replica.appendEntries([termsEntry(phone, 1, revision)], call)))
  expect(answers.map(shown)).toMatchObject([{ length: 7 }, { length: 8 }, "PROXY_TERMS_STALE"])
  expect(source.asked).toBe(asked + 1)
})

test("a ledger out of reach refuses nothing for good, and who gives up meanwhile is told so at once", async () => {
  await using stack = new AsyncDisposableStack()
  const log = stack.use(new WatchedEngine(primitives))
  stack.use(await opened(log))
  const { replica, source } = await behind(log, stack)
  const stale = termsEntry(kitChild(root, "/phone"), 1, 1)
  source.isAway = true
  const unsure = await replica.appendEntries([stale], call)
  expect(unsure).toMatchObject({ code: "LEDGER_UNREACHABLE", message: expect.stringMatching(/AUTHOR_UNKNOWN.*away/) })
  source.isAway = false
  expect(await replica.appendEntries([stale], call)).toMatchObject({ code: "AUTHOR_UNKNOWN" })
  const asking: AbortSignal[] = []
  source.head = async ({ signal }) => {
    asking.push(signal)
    const over = Promise.withResolvers<void>()
    signal.addEventListener("abort", () => over.resolve())
    await over.promise
    throw signal.reason
  }
  const stop = new AbortController()
  const given = replica.appendEntries([stale], { signal: stop.signal })
  await expect.poll(() => asking.length).toBe(1)
  stop.abort(new Error("gave up"))
  await expect(given).rejects.toThrow("gave up")
  expect(asking[0]?.aborted).toBe(true)
})
