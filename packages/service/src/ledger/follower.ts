import { equalBytes, KeygroveError, ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  isSameHead,
  MAX_BATCH_BYTES,
  MAX_BATCH_ENTRIES,
  MAX_SLICE_ENTRIES,
  nextHead,
  type LedgerHead,
  type LedgerIndex,
} from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { Clock } from "../ports/clock.ts"
import type {
  AppendOptions,
  AppendRefusal,
  LedgerEngine,
  LedgerSlice,
  ReadRefusal,
  RefreshRefusal,
  WatchOptions,
} from "../ports/ledger-engine.ts"
import type { LedgerSource, SourceRefusal } from "../ports/ledger-source.ts"
import { Wakeup } from "./wakeup.ts"

export interface FollowerOptions<Source extends LedgerSource> {
  /** Owned by the follower from here on. */
  readonly source: Source
  /** Where this node keeps its own verified copy; an embedded engine of its own file. Owned by the follower from here on. */
  readonly copy: LedgerEngine
  readonly clock: Clock
  readonly primitives: Pick<Primitives, "sha256">
  /**
   * Resolves when the caller of an append has had its turn: an own batch is written to the copy only then, while the source may already work on the next. At once when missing.
   */
  readonly afterTurn?: () => Promise<void>
  /** Brings the copy, which ends at `own`, to a later head when the source has dropped what comes next; resolves with that head. Refused when missing. */
  readonly onPruned?: (own: LedgerHead, options: CallOptions) => Promise<Result<LedgerHead, RefreshRefusal>>
}

/** Pauses after failures: doubled from the first to the last. */
const FIRST_PAUSE_MS = 250
const LAST_PAUSE_MS = 10_000

const NEVER = new AbortController().signal

type Distrust = Refusal<"LEDGER_FORKED" | "LEDGER_CORRUPT">
type PullRefusal = RefreshRefusal

/**
 * Follows a ledger that is elsewhere. Every entry is verified before it is kept in the own copy, which answers reads also while the source is away.
 * A source that contradicts the copy is distrusted for good: `watch` throws and `append` refuses `LEDGER_FORKED`, and the copy stays as it was.
 */
export class FollowerLedgerEngine<Source extends LedgerSource = LedgerSource> implements LedgerEngine {
  readonly #options: FollowerOptions<Source>
  readonly #stop = new AbortController()
  readonly #distrusted = new AbortController()
  readonly #changed = new Wakeup()
  #distrust: Distrust | undefined
  #caughtUpOnce = false
  #lastPull: Promise<unknown> = Promise.resolve()
  #appending = 0
  /** The write of the last own batch to the copy; at most one is under way. */
  #keeping: Promise<unknown> = Promise.resolve()
  #following: Promise<void> = Promise.resolve()

  private constructor(options: FollowerOptions<Source>) {
    this.#options = options
  }

  /** Starts to follow in the background. */
  static start<Source extends LedgerSource>(options: FollowerOptions<Source>): FollowerLedgerEngine<Source> {
    const follower = new FollowerLedgerEngine(options)
    follower.#following = follower.#follow()
    return follower
  }

  /** What is followed. */
  get source(): Source {
    return this.#options.source
  }

  /** Why the source is distrusted, when it is. */
  get distrust(): Distrust | undefined {
    return this.#distrust
  }

  /** Resolves when the copy has once reached the source's head since the start; refuses when the source is distrusted. */
  async caughtUp({ signal }: CallOptions): Promise<Result<true, "LEDGER_FORKED" | "LEDGER_CORRUPT" | "LEDGER_UNREACHABLE">> {
    while (!this.#caughtUpOnce) {
      signal.throwIfAborted()
      if (this.#distrust !== undefined) return this.#distrust
      if (this.#stop.signal.aborted) return refuse("LEDGER_UNREACHABLE", "the follower was closed")
      await this.#changed.wait(signal)
    }
    return ok(true)
  }

  async head(options: CallOptions): Promise<LedgerHead> {
    return this.#copyHead(options)
  }

  async read(from: LedgerIndex, limit: number, options: CallOptions): Promise<Result<LedgerSlice, ReadRefusal>> {
    await this.#keeping
    return this.#options.copy.read(from, limit, options)
  }

  /** `LEDGER_UNREACHABLE` may mean that the answer was lost: the entries may be on the ledger. They are judged again when they are appended again. */
  async append(batch: readonly Uint8Array[], expected: LedgerHead, options: AppendOptions): Promise<Result<LedgerHead, AppendRefusal>> {
    options.signal.throwIfAborted()
    if (this.#distrust !== undefined) return this.#distrust
    if (batch.length < 1 || batch.length > MAX_BATCH_ENTRIES || sizeOf(batch) > MAX_BATCH_BYTES) {
      return refuse(
        "LEDGER_ENTRY_INVALID",
        `batch has ${batch.length} entries; 1 to ${MAX_BATCH_ENTRIES} with at most ${MAX_BATCH_BYTES} bytes are allowed`,
      )
    }
    this.#appending++
    try {
      return await this.#appendThere(batch, expected, options)
    } finally {
      this.#appending--
      this.#changed.wake()
    }
  }

  async refresh(options: CallOptions): Promise<Result<true, PullRefusal>> {
    options.signal.throwIfAborted()
    return this.#pull(undefined, options)
  }

  async *watch(from: LedgerIndex, options: WatchOptions): AsyncGenerator<LedgerSlice, undefined> {
    const { signal } = options
    const until = AbortSignal.any([signal, this.#distrusted.signal, this.#stop.signal])
    yield* this.#options.copy.watch(from, { ...options, signal: until })
    if (!signal.aborted && this.#distrust !== undefined) throw new KeygroveError(this.#distrust.code, this.#distrust.message)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#changed.wake()
    await this.#options.source[Symbol.asyncDispose]()
    await this.#following
    await this.#lastPull
    await this.#keeping
    await this.#options.copy[Symbol.asyncDispose]()
  }

  async #follow(): Promise<void> {
    const { clock, source } = this.#options
    const { signal } = this.#stop
    let pauseMs = FIRST_PAUSE_MS
    let remote: LedgerHead | undefined
    try {
      while (this.#distrust === undefined) {
        const pulled = await this.#pull(remote, { signal })
        const before = await this.#copyHead({ signal })
        const waited = pulled.ok ? await source.wait(before.length, { signal }) : pulled
        remote = waited.ok ? waited.value : undefined
        // The news may be an own batch, which is about to be kept without being read back.
        if (this.#appending > 0) await this.#changed.wait(signal)
        // A source that answers a wait early and without news would otherwise be asked in a tight loop.
        const hasNews = remote !== undefined && remote.length !== before.length
        pauseMs = hasNews ? FIRST_PAUSE_MS : pauseMs
        if (!hasNews && this.#distrust === undefined) await clock.sleep(pauseMs, { signal })
        pauseMs = waited.ok ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LAST_PAUSE_MS)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Brings the copy up to the source's head (asked for, unless just learned). One at a time. */
  async #pull(remote: LedgerHead | undefined, options: CallOptions): Promise<Result<true, PullRefusal>> {
    const mine = this.#lastPull.then(() => this.#pullNow(remote, options))
    this.#lastPull = mine.catch(() => undefined)
    return mine
  }

  async #pullNow(known: LedgerHead | undefined, options: CallOptions): Promise<Result<true, PullRefusal>> {
    if (this.#distrust !== undefined) return this.#distrust
    const { source } = this.#options
    const asked = known === undefined ? await source.head(options) : ok(known)
    if (!asked.ok) return this.#judged(asked)
    const remote = asked.value
    let local = await this.#copyHead(options)
    while (local.length < remote.length) {
      const slice = await source.read(local.length, MAX_SLICE_ENTRIES, options)
      if (!slice.ok) {
        const started = await this.#startLater(local, slice, options)
        if (!started.ok) return started
        local = started.value
        continue
      }
      if (slice.value.entries.length === 0)
        return refuse("LEDGER_UNREACHABLE", `${source.title} claims ${remote.length} entries but gave none after ${local.length}`)
      if (!equalBytes(slice.value.before, local.hash)) return this.#fork(local, { length: local.length, hash: slice.value.before })
      const kept = await this.#keep(slice.value, options)
      if (!kept.ok) return kept
      local = kept.value
    }
    if (await this.#contradicts(remote, local, options)) return this.#fork(local, remote)
    this.#caughtUpOnce = true
    this.#changed.wake()
    return ok(true)
  }

  /** Goes on where the source still has entries, if there is a way. */
  async #startLater(
    own: LedgerHead,
    refusal: Refusal<SourceRefusal | "LEDGER_PRUNED">,
    options: CallOptions,
  ): Promise<Result<LedgerHead, PullRefusal>> {
    const { onPruned } = this.#options
    if (refusal.code !== "LEDGER_PRUNED" || onPruned === undefined) return this.#judged(refusal)
    const started = await onPruned(own, options)
    if (!started.ok && started.code === "LEDGER_FORKED") return this.#distrustFor(refuse(started.code, started.message))
    return started
  }

  async #appendThere(
    batch: readonly Uint8Array[],
    expected: LedgerHead,
    options: AppendOptions,
  ): Promise<Result<LedgerHead, AppendRefusal>> {
    const appended = await this.#options.source.append(batch, expected, options)
    if (appended.ok) return this.#keepOwn(batch, expected, { claimed: appended.value, options })
    // What moved the head is fetched at once, so that the caller's next try starts from there.
    if (appended.code === "LEDGER_HEAD_MOVED") await this.#pull(undefined, options)
    return this.#distrust ?? appended
  }

  /** Whether the source's head denies what the copy holds: another hash at the same length, or a log cut short. */
  async #contradicts(remote: LedgerHead, local: LedgerHead, options: CallOptions): Promise<boolean> {
    if (remote.length >= local.length) return remote.length === local.length && !isSameHead(local, remote)
    const there = await this.#options.copy.read(remote.length, 1, options)
    if (there.ok && !equalBytes(there.value.before, remote.hash)) return true
    // The answer may be older than an own append that is kept already: only a source that still says so has cut its log.
    const again = await this.#options.source.head(options)
    return again.ok && again.value.length < local.length
  }

  /** Verifies and keeps a slice that follows the copy's head. */
  async #keep(slice: LedgerSlice, options: CallOptions): Promise<Result<LedgerHead, PullRefusal>> {
    let head: LedgerHead = { length: slice.from, hash: slice.before }
    for (const batch of batches(slice.entries)) {
      const kept = await this.#options.copy.append(batch, head, options)
      if (kept.ok) head = kept.value
      else if (kept.code === "LEDGER_ENTRY_INVALID") return this.#corrupt(head, kept)
      else if (kept.code === "LEDGER_HEAD_MOVED") return ok(await this.#options.copy.head(options))
      else
        return refuse(
          kept.code === "DISK_FULL" ? "DISK_FULL" : "LEDGER_UNREACHABLE",
          `the own copy of the ledger could not be written: ${kept.message}`,
        )
    }
    return ok(head)
  }

  /** Keeps an own batch that the source has acknowledged, after checking that the source chained it as everybody does. */
  async #keepOwn(
    batch: readonly Uint8Array[],
    expected: LedgerHead,
    { claimed, options }: { readonly claimed: LedgerHead; readonly options: AppendOptions },
  ): Promise<Result<LedgerHead, AppendRefusal>> {
    const head = batch.reduce((last, entry) => nextHead(this.#options.primitives, last, entry), expected)
    if (!isSameHead(head, claimed)) return this.#fork(head, claimed)
    await this.#keeping
    this.#keeping = this.#keepLater(batch, expected, options)
    // Whoever looks at the copy next hears of what went wrong.
    this.#keeping.catch(() => undefined)
    return ok(head)
  }

  /** A crash before it leaves the copy short of a batch that the source has: the next start reads it from there. */
  async #keepLater(batch: readonly Uint8Array[], expected: LedgerHead, { verified = [] }: AppendOptions): Promise<void> {
    await this.#options.afterTurn?.()
    // Refused when the background was faster, or the copy is behind: then the next pull brings it.
    await this.#options.copy.append(batch, expected, { verified, signal: NEVER })
  }

  /** The copy's head, with all that was appended. */
  async #copyHead(options: CallOptions): Promise<LedgerHead> {
    options.signal.throwIfAborted()
    await this.#keeping
    return this.#options.copy.head(options)
  }

  #judged(refusal: Refusal<SourceRefusal | "LEDGER_PRUNED">): Refusal<PullRefusal> {
    return refusal.code === "LEDGER_CORRUPT"
      ? this.#distrustFor(refuse(refusal.code, refusal.message))
      : refuse(refusal.code, refusal.message)
  }

  #fork(own: LedgerHead, claimed: LedgerHead): Distrust {
    const show = (head: LedgerHead): string => `${toHex(head.hash)} at ${head.length}`
    return this.#distrustFor(
      refuse("LEDGER_FORKED", `${this.#options.source.title} shows ${show(claimed)}, this node holds ${show(own)}; do not trust it`, {
        own: show(own),
        claimed: show(claimed),
      }),
    )
  }

  #corrupt(head: LedgerHead, { message }: Refusal): Distrust {
    const { title } = this.#options.source
    return this.#distrustFor(
      refuse("LEDGER_CORRUPT", `${title} gave an invalid entry at or after ${head.length} (${message}); do not trust it`, {
        index: head.length,
      }),
    )
  }

  #distrustFor(refusal: Distrust): Distrust {
    this.#distrust ??= refusal
    this.#distrusted.abort()
    this.#changed.wake()
    return this.#distrust
  }
}

function* batches(entries: readonly Uint8Array[]): Generator<readonly Uint8Array[], undefined> {
  for (let from = 0; from < entries.length; from += MAX_BATCH_ENTRIES) yield entries.slice(from, from + MAX_BATCH_ENTRIES)
}

function sizeOf(batch: readonly Uint8Array[]): number {
  return batch.reduce((sum, entry) => sum + entry.length, 0)
}
