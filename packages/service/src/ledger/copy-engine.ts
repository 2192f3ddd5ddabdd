import { refuse, type Result } from "@keygrove/base"
import type { LedgerHead, LedgerIndex } from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { AppendRefusal, LedgerEngine, LedgerSlice, ReadRefusal, RefreshRefusal, WatchOptions } from "../ports/ledger-engine.ts"

/** A copy of a ledger that follows nobody: what it holds is served, nothing is learnt and nothing appended. For a home that was recovered from data alone. */
export class LedgerCopyEngine implements LedgerEngine {
  readonly #copy: LedgerEngine

  /** @param copy owned from here on. */
  constructor(copy: LedgerEngine) {
    this.#copy = copy
  }

  async head(options: CallOptions): Promise<LedgerHead> {
    return await this.#copy.head(options)
  }

  async read(from: LedgerIndex, limit: number, options: CallOptions): Promise<Result<LedgerSlice, ReadRefusal>> {
    return await this.#copy.read(from, limit, options)
  }

  async append(_batch: readonly Uint8Array[], _expected: LedgerHead, { signal }: CallOptions): Promise<Result<LedgerHead, AppendRefusal>> {
    signal.throwIfAborted()
    return unreachable()
  }

  async refresh({ signal }: CallOptions): Promise<Result<true, RefreshRefusal>> {
    signal.throwIfAborted()
    return unreachable()
  }

  watch(from: LedgerIndex, options: WatchOptions): AsyncIterable<LedgerSlice> {
    return this.#copy.watch(from, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#copy[Symbol.asyncDispose]()
  }
}

function unreachable(): Result<never, "LEDGER_UNREACHABLE"> {
  return refuse("LEDGER_UNREACHABLE", 'this node has a copy of the ledger and follows nobody; name its host as "ledger" in config.json')
}
