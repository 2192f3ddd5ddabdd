import { equalBytes, KeygroveError, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { ClusterId } from "@keygrove/hierarchy"
import {
  decodeEntry,
  draftEntry,
  emptyLedger,
  encodeEntry,
  entrySignBytes,
  foldEntries,
  isSameHead,
  KeyChainIndex,
  MAX_SLICE_ENTRIES,
  nextHead,
  verifyBatch,
  type Author,
  type FoldedLedger,
  type FoldStep,
  type LedgerHead,
  type LedgerIndex,
  type LedgerKeyChain,
  type LedgerSnapshot,
  type LedgerState,
  type Statement,
  type VerifiedEntry,
  type VoidReason,
} from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { LedgerEngine, LedgerSlice, ReadRefusal } from "../ports/ledger-engine.ts"
import { AppendQueue } from "./append-queue.ts"
import { commitGroup, judgeBatch, type CommitLog, type ReplicaRefusal } from "./commit-group.ts"
import { Wakeup } from "./wakeup.ts"

/** Who writes statements, and how they are signed (the keystore's `sign("statement", …)`). */
export interface StatementSigner extends Author {
  sign(message: Uint8Array, options: CallOptions): Promise<Result<Uint8Array>>
}

export interface ReplicaOptions {
  readonly primitives: Primitives
  /** Owned by the replica from here on, also when opening is refused. */
  readonly engine: LedgerEngine
  /** What was folded before, of a log that this engine has and by somebody who is believed: only what follows it is read. */
  readonly from?: LedgerSnapshot
  /** Finds what the fold goes on from when the engine has no more of what comes next, since its copy went on from a later snapshot; it stands for good where that finds nothing later. */
  readonly reopen?: (options: CallOptions) => Promise<LedgerSnapshot | undefined>
}

/** Appends that may wait for their turn. */
const MAX_WAITING_APPENDS = 256

/**
 * The node's own verified view of the ledger: replays and checks every entry, folds the state, follows the engine in the background.
 * Stops for good at the first entry it cannot trust; `failure` says which and why, and the state stays as it was before it.
 */
export class LedgerReplica implements AsyncDisposable {
  readonly #primitives: Primitives
  readonly #engine: LedgerEngine
  readonly #stop = new AbortController()
  readonly #changed = new Wakeup()
  #ledger: FoldedLedger
  #keyChains: KeyChainIndex
  #wentOnFrom: LedgerIndex | undefined
  readonly #reopen: ReplicaOptions["reopen"]
  #failure: Refusal | undefined
  #following: Promise<void> = Promise.resolve()
  readonly #appends: AppendQueue<ReplicaRefusal>
  #waitingAppends = 0

  private constructor(options: ReplicaOptions) {
    this.#primitives = options.primitives
    this.#engine = options.engine
    this.#reopen = options.reopen
    this.#ledger = options.from ?? emptyLedger()
    this.#keyChains = new KeyChainIndex(options.from?.keyChains)
    const log: CommitLog = {
      now: () => ({ ledger: this.#ledger, failure: this.#failure }),
      append: (...args) => this.#engine.append(...args),
      install: (steps) => this.#install(steps),
      catchUp: (call) => this.#catchUp(call),
      refresh: (call) => this.refresh(call),
    }
    this.#appends = new AppendQueue((group) => commitGroup(log, this.#primitives, group))
  }

  /** Replays what the engine holds now, or what of it follows a snapshot, then follows it. Refuses a log that is corrupt, and one whose beginning was dropped when there is no snapshot. */
  static async open(options: ReplicaOptions, call: CallOptions): Promise<Result<LedgerReplica, ReadRefusal>> {
    const replica = new LedgerReplica(options)
    await using opening = new AsyncDisposableStack()
    opening.use(replica)
    const replayed = await replica.#replay(call)
    if (!replayed.ok) return replayed
    replica.#following = replica.#follow()
    opening.move()
    return ok(replica)
  }

  /** What the ledger says now: an immutable snapshot. */
  get state(): LedgerState {
    return this.#ledger.state
  }

  /** How far it was verified. */
  get head(): LedgerHead {
    return this.#ledger.head
  }

  /** The entries that say who the nodes of a cluster are, as far as this ledger has them; `undefined` of a cluster that never announced itself here. */
  keyChain(cluster: ClusterId): LedgerKeyChain | undefined {
    return this.#keyChains.get(cluster)
  }

  /** All that it holds now, which stays as it is while the replica goes on. */
  snapshot(): LedgerSnapshot {
    return { ...this.#ledger, keyChains: this.#keyChains.copy() }
  }

  /** Where the fold went on from a later snapshot while it ran: the engine has little of what came before. */
  get wentOnFrom(): LedgerIndex | undefined {
    return this.#wentOnFrom
  }

  /** Why following ended, when it did. */
  get failure(): Refusal | undefined {
    return this.#failure
  }

  /** Signs and appends statements as one batch, see {@link LedgerReplica.appendEntries}. Refusals of the signer are passed on. */
  async append(statements: readonly Statement[], signer: StatementSigner, options: CallOptions): Promise<Result<LedgerHead>> {
    const { cluster, path, key } = signer
    const entries: Uint8Array[] = []
    for (const statement of statements) {
      const draft = draftEntry(statement, { cluster, path, key })
      const signature = await signer.sign(entrySignBytes(draft), options)
      if (!signature.ok) return signature
      entries.push(encodeEntry({ ...draft, signature: signature.value }))
    }
    return this.appendEntries(entries, options)
  }

  /**
   * Appends signed entries as one batch and resolves with the head after them, when this replica has folded them. Batches that wait at the same time are written
   * together, each of them whole or not at all. Refuses with the reason if one of them would be void now, for which what is new is asked for first; judges again each time others were faster.
   */
  async appendEntries(entries: readonly Uint8Array[], options: CallOptions): Promise<Result<LedgerHead, ReplicaRefusal>> {
    options.signal.throwIfAborted()
    if (this.#waitingAppends >= MAX_WAITING_APPENDS)
      return refuse("LEDGER_BUSY", `${MAX_WAITING_APPENDS} appends are waiting already; try again later`)
    const verified = verifyBatch(this.#primitives, entries)
    if (!verified.ok) return verified
    this.#waitingAppends++
    try {
      return await this.#appends.add(verified.value, options)
    } finally {
      this.#waitingAppends--
    }
  }

  /** Learns now what is new at the ledger's source and folds it; a source that cannot be reached leaves the state as it is. */
  async refresh(options: CallOptions): Promise<Result<true>> {
    const refreshed = await this.#engine.refresh(options)
    if (!refreshed.ok) return refreshed
    return await this.waitUntil((await this.#engine.head(options)).length, options)
  }

  /** Entries as the engine holds them, see `LedgerEngine.read`. */
  async read(from: LedgerIndex, limit: number, options: CallOptions): Promise<Result<LedgerSlice, ReadRefusal>> {
    return await this.#engine.read(from, limit, options)
  }

  /** Whether the entries, in this order, would have their effect now. Their signatures are for the engine to check. */
  judge(entries: readonly Uint8Array[]): Result<true, VoidReason | "LEDGER_ENTRY_INVALID"> {
    const decoded: VerifiedEntry[] = []
    for (const [position, bytes] of entries.entries()) {
      const entry = decodeEntry(bytes)
      if (!entry.ok) return refuse("LEDGER_ENTRY_INVALID", `entry ${position} of the batch: ${entry.message}`)
      decoded.push({ bytes, entry: entry.value })
    }
    const judged = judgeBatch(this.#primitives, this.#ledger, { entries: decoded })
    return judged.ok ? ok(true) : judged
  }

  /** Resolves when `length` entries have been folded; refuses when that cannot happen any more, rejects when the signal fires. */
  async waitUntil(length: LedgerIndex, options: CallOptions): Promise<Result<true>> {
    while (this.head.length < length) {
      options.signal.throwIfAborted()
      if (this.#failure !== undefined) return this.#failure
      if (this.#stop.signal.aborted) return refuse("LEDGER_UNREACHABLE", "the ledger replica was closed")
      await this.#changed.wait(options.signal)
    }
    return ok(true)
  }

  /** The ledger now, and again whenever it has grown: changes in between are merged, so a slow reader costs nothing. Ends with the signal or the replica. */
  async *changes(options: CallOptions): AsyncGenerator<FoldedLedger, undefined> {
    let seen: FoldedLedger | undefined
    while (!options.signal.aborted && !this.#stop.signal.aborted) {
      if (seen === this.#ledger) {
        if (this.#failure !== undefined) return
        await this.#changed.wait(options.signal)
        continue
      }
      seen = this.#ledger
      yield seen
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#changed.wake()
    await this.#following
    await this.#engine[Symbol.asyncDispose]()
  }

  async #replay(call: CallOptions): Promise<Result<true, ReadRefusal>> {
    let target = await this.#engine.head(call)
    while (this.head.length < target.length) {
      call.signal.throwIfAborted()
      const slice = await this.#engine.read(this.head.length, Math.min(MAX_SLICE_ENTRIES, target.length - this.head.length), call)
      if (!slice.ok) {
        if (slice.code !== "LEDGER_PRUNED" || !(await this.#goesOnAfter(this.head.length, call))) return slice
        target = await this.#engine.head(call)
        continue
      }
      if (slice.value.entries.length === 0)
        return refuse("LEDGER_CORRUPT", `the ledger ends at ${this.head.length} but claims ${target.length} entries`)
      const folded = this.#fold(slice.value)
      if (!folded.ok) return folded
    }
    if (isSameHead(this.head, target)) return ok(true)
    return refuse(
      "LEDGER_CORRUPT",
      `the first ${target.length} entries of the ledger do not chain into its head; restore ledger.db from a backup`,
    )
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      let next: number = this.head.length
      try {
        // What was appended here was folded before it was written.
        for await (const slice of this.#engine.watch(this.head.length, { signal, known: () => this.head.length })) {
          const folded = this.#fold(slice)
          if (!folded.ok) return this.#fail(folded)
          next = slice.from + slice.entries.length
        }
        return
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof KeygroveError)) throw error
        next = Math.max(next, this.head.length)
        if (error.code !== "LEDGER_PRUNED" || !(await this.#goesOnAfter(next, { signal }))) return this.#fail(error.toRefusal())
      }
    }
  }

  /** Takes over the fold of a later snapshot, where the entry at `index` is not there any more; whether the fold is beyond it now. */
  async #goesOnAfter(index: number, options: CallOptions): Promise<boolean> {
    const found = await this.#reopen?.(options)
    if (found !== undefined && found.head.length > this.head.length) {
      this.#ledger = found
      this.#keyChains = new KeyChainIndex(found.keyChains)
      this.#wentOnFrom = found.head.length
      this.#changed.wake()
    }
    return this.head.length > index
  }

  #fail(refusal: Refusal): void {
    this.#failure = refusal
    this.#changed.wake()
  }

  /** Folds what is new of a slice; synchronous, so that appending and following never interleave within one. */
  #fold(slice: LedgerSlice): Result<true, "LEDGER_CORRUPT"> {
    if (slice.from === this.head.length && !equalBytes(slice.before, this.head.hash)) {
      return refuse("LEDGER_CORRUPT", `the ledger's engine shows another history before entry ${slice.from} than the one already verified`)
    }
    if (slice.from > this.head.length && slice.entries.length > 0)
      return refuse("LEDGER_CORRUPT", `the ledger's engine skipped from entry ${this.head.length} to ${slice.from}`)
    const fresh = slice.entries.slice(this.head.length - slice.from)
    for (const folded of foldEntries(this.#primitives, this.#ledger, fresh)) {
      if (!folded.ok) return folded
      this.#take(folded.value)
    }
    this.#changed.wake()
    return ok(true)
  }

  /** Takes over steps that this replica appended itself, as far as following has not brought them. */
  #install(steps: readonly FoldStep[]): Result<true, "LEDGER_CORRUPT"> {
    for (const step of steps) {
      const { index } = step.judged
      if (index < this.head.length) continue
      if (!isSameHead(nextHead(this.#primitives, this.head, step.bytes), step.ledger.head))
        return refuse("LEDGER_CORRUPT", `the ledger's engine took entry ${index} on top of another history than the one already verified`)
      this.#take(step)
    }
    this.#changed.wake()
    return ok(true)
  }

  #take(step: FoldStep): void {
    this.#ledger = step.ledger
    this.#keyChains.take(this.#primitives, step)
  }

  async #catchUp(options: CallOptions): Promise<Result<true, "LEDGER_CORRUPT" | "LEDGER_UNREACHABLE">> {
    const from = this.head.length
    const slice = await this.#engine.read(from, MAX_SLICE_ENTRIES, options)
    if (slice.ok) return this.#fold(slice.value)
    // What was not folded yet is only dropped where the copy went on from a later snapshot.
    if (slice.code === "LEDGER_PRUNED" && (await this.#goesOnAfter(from, options))) return ok(true)
    return refuse(slice.code === "LEDGER_UNREACHABLE" ? "LEDGER_UNREACHABLE" : "LEDGER_CORRUPT", slice.message)
  }
}
