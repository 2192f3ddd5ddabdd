import type { Result } from "@keygrove/base"
import { MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, type LedgerHead, type VerifiedEntry } from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"

/** One caller's batch on its way to the ledger: appended whole or not at all, whatever goes with it. */
export class WaitingAppend<Code extends string> {
  readonly entries: readonly VerifiedEntry[]
  readonly bytes: number
  readonly signal: AbortSignal
  readonly #answer: PromiseWithResolvers<Result<LedgerHead, Code>> = Promise.withResolvers()
  readonly #onAbort = (): void => this.fail(this.signal.reason)
  #isSettled = false

  constructor(entries: readonly VerifiedEntry[], { signal }: CallOptions) {
    this.entries = entries
    this.bytes = entries.reduce((sum, { bytes }) => sum + bytes.length, 0)
    this.signal = signal
    signal.addEventListener("abort", this.#onAbort, { once: true })
  }

  /** What the caller awaits; rejects as soon as its signal fires. */
  get answer(): Promise<Result<LedgerHead, Code>> {
    return this.#answer.promise
  }

  /** Whether the caller has its answer, or has given up. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  settle(result: Result<LedgerHead, Code>): void {
    this.#end()
    this.#answer.resolve(result)
  }

  fail(error: unknown): void {
    this.#end()
    this.#answer.reject(error)
  }

  #end(): void {
    this.#isSettled = true
    this.signal.removeEventListener("abort", this.#onAbort)
  }
}

/**
 * Appends in the order in which they came. While one group is written the next ones gather behind it and go as one batch, so that as many wait for one write
 * to the disk or one round of a consensus as fit into a batch.
 */
export class AppendQueue<Code extends string> {
  readonly #commit: (group: readonly WaitingAppend<Code>[]) => Promise<void>
  readonly #waiting: WaitingAppend<Code>[] = []
  #isWorking = false

  /** @param commit settles every append of the group; what it throws, all that are not settled reject with. */
  constructor(commit: (group: readonly WaitingAppend<Code>[]) => Promise<void>) {
    this.#commit = commit
  }

  /** @param entries one batch within the limits of a batch. */
  async add(entries: readonly VerifiedEntry[], options: CallOptions): Promise<Result<LedgerHead, Code>> {
    const append = new WaitingAppend<Code>(entries, options)
    this.#waiting.push(append)
    if (!this.#isWorking) void this.#work()
    return await append.answer
  }

  async #work(): Promise<void> {
    this.#isWorking = true
    // Whoever calls in the same turn of the event loop belongs into the first group already.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      try {
        await this.#commit(group)
      } catch (error) {
        for (const append of group) append.fail(error)
      }
    }
    this.#isWorking = false
  }

  /** As many of those that waited longest as one batch carries, and at least one. */
  #takeGroup(): readonly WaitingAppend<Code>[] {
    const group: WaitingAppend<Code>[] = []
    let [entries, bytes] = [0, 0]
    for (const append of this.#waiting) {
      entries += append.entries.length
      bytes += append.bytes
      if (group.length > 0 && (entries > MAX_BATCH_ENTRIES || bytes > MAX_BATCH_BYTES)) break
      group.push(append)
    }
    this.#waiting.splice(0, group.length)
    return group.filter((append) => !append.isSettled)
  }
}
