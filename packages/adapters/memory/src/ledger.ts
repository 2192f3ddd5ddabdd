import { ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { checkBatch, emptyHead, isSameHead, MAX_SLICE_BYTES, MAX_SLICE_ENTRIES, type LedgerHead, type LedgerIndex } from "@keygrove/ledger"
import {
  Wakeup,
  watchLog,
  type AppendOptions,
  type AppendRefusal,
  type CallOptions,
  type LedgerEngine,
  type LedgerSlice,
  type RefreshRefusal,
  type WatchOptions,
} from "@keygrove/service"

/** A ledger in memory, for tests and simulations; forgets everything with the process. */
export class MemoryLedgerEngine implements LedgerEngine {
  readonly #primitives: Pick<Primitives, "sha256" | "ed25519">
  readonly #entries: Uint8Array[] = []
  /** `#heads[n]` is the head after n entries. */
  readonly #heads: LedgerHead[] = [emptyHead()]
  readonly #appended = new Wakeup()
  readonly #closed = new AbortController()

  constructor(primitives: Pick<Primitives, "sha256" | "ed25519">) {
    this.#primitives = primitives
  }

  async head({ signal }: CallOptions): Promise<LedgerHead> {
    signal.throwIfAborted()
    return this.#last()
  }

  async read(from: LedgerIndex, limit: number, { signal }: CallOptions): Promise<Result<LedgerSlice, never>> {
    signal.throwIfAborted()
    const entries: Uint8Array[] = []
    let size = 0
    for (const entry of this.#entries.slice(from, from + Math.min(limit, MAX_SLICE_ENTRIES))) {
      size += entry.length
      if (entries.length > 0 && size > MAX_SLICE_BYTES) break
      entries.push(entry)
    }
    return ok({ from, before: (this.#heads[from] ?? this.#last()).hash, entries })
  }

  async append(
    batch: readonly Uint8Array[],
    expected: LedgerHead,
    { signal, verified }: AppendOptions,
  ): Promise<Result<LedgerHead, AppendRefusal>> {
    signal.throwIfAborted()
    const head = this.#last()
    if (!isSameHead(head, expected))
      return refuse("LEDGER_HEAD_MOVED", `the ledger has ${head.length} entries, not ${expected.length}, or another history`)
    const heads = checkBatch(this.#primitives, head, batch, verified)
    if (!heads.ok) return heads
    this.#entries.push(...batch.map((entry) => Uint8Array.from(entry)))
    this.#heads.push(...heads.value)
    this.#appended.wake()
    return ok(this.#last())
  }

  async refresh({ signal }: CallOptions): Promise<Result<true, RefreshRefusal>> {
    signal.throwIfAborted()
    return ok(true)
  }

  watch(from: LedgerIndex, options: WatchOptions): AsyncIterable<LedgerSlice> {
    const log = { engine: this, appended: this.#appended, length: () => this.#last().length }
    return watchLog(log, from, { ...options, signal: AbortSignal.any([options.signal, this.#closed.signal]) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
  }

  #last(): LedgerHead {
    return this.#heads.at(-1) ?? emptyHead()
  }
}
