import { setTimeout as sleep } from "node:timers/promises"
import { isSameHead, type LedgerHead } from "@keygrove/ledger"
import { Wakeup } from "@keygrove/service"
import { Watch, type WatchResponse } from "./etcd_pb.ts"
import { readWatchAnswer, writeWatch } from "./messages.ts"
import type { EtcdMembers } from "./members.ts"

/** What is known of the head, and since which revision of the store. */
export interface SeenHead {
  readonly head: LedgerHead
  readonly revision: number
}

export interface HeadWatchOptions {
  readonly members: EtcdMembers
  readonly key: Uint8Array
  /** Reads the head now; `undefined` when it cannot be read. */
  readonly read: (signal: AbortSignal) => Promise<SeenHead | undefined>
  /** The head that a value of the key says; `undefined` when it says none. No value: the key was deleted. */
  readonly decode: (value: Uint8Array | undefined) => LedgerHead | undefined
}

/** Pauses after a watch ended: doubled from the first to the last. */
const FIRST_PAUSE_MS = 100
const LAST_PAUSE_MS = 5_000

/**
 * Watches the key of the head, through whatever member has a leader. Only the last head counts, since entries are read by index: when etcd has compacted away what came
 * between, the head is read and watched from there.
 */
export class HeadWatch implements AsyncDisposable {
  readonly #options: HeadWatchOptions
  readonly #stop = new AbortController()
  readonly #changed = new Wakeup()
  #seen: SeenHead | undefined
  #expected: LedgerHead | undefined
  /** The key has something that is no head. */
  #isBroken = false
  #running: Promise<void> | undefined

  constructor(options: HeadWatchOptions) {
    this.#options = options
  }

  /** An own head is about to be written. Its event often comes before the answer: who waits for news is not woken by it until {@link HeadWatch.unexpect}. */
  expect(head: LedgerHead): void {
    this.#expected = head
  }

  /** It is known what became of an own head, or will not be: unless it was said to be there by {@link HeadWatch.saw}, its event is news. */
  unexpect(): void {
    if (this.#expected === undefined) return
    this.#expected = undefined
    this.#changed.wake()
  }

  /** Tells of an own head, written in this revision: who waits for news is not woken by it, and its event is none. */
  saw(seen: SeenHead): void {
    this.#expected = undefined
    if (this.#seen !== undefined && this.#seen.revision < seen.revision) this.#seen = seen
  }

  /**
   * A head of another length than `length`, as soon as there is one; `undefined` when the signal fires first, or when the key has something that is no head. Begins
   * to watch at the first call.
   */
  async wait(length: number, signal: AbortSignal): Promise<LedgerHead | undefined> {
    this.#running ??= this.#run()
    for (;;) {
      const count = this.#changed.count
      if (signal.aborted || this.#stop.signal.aborted || this.#isBroken) return undefined
      if (this.#seen !== undefined && this.#seen.head.length !== length) return this.#seen.head
      await this.#changed.wait(signal, count)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#changed.wake()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    let pauseMs = FIRST_PAUSE_MS
    while (!signal.aborted) {
      const hadAny = await this.#watchOnce(signal)
      pauseMs = hadAny ? FIRST_PAUSE_MS : Math.min(2 * pauseMs, LAST_PAUSE_MS)
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }

  /** Reads the head and watches from there until the watch ends. Resolves with whether there was a watch at all. */
  async #watchOnce(stop: AbortSignal): Promise<boolean> {
    const { key, members, read } = this.#options
    const seen = await read(stop).catch(() => undefined)
    if (seen === undefined || stop.aborted) return false
    this.#isBroken = false
    this.#keep(seen)
    const member = members.preferred
    const over = new AbortController()
    let wasCreated = false
    const onAnswer = (response: WatchResponse): void => {
      const answer = readWatchAnswer(response)
      if (answer === undefined || answer.canceled) return over.abort()
      wasCreated ||= answer.created
      const last = answer.changes.at(-1)
      if (last === undefined) return
      const head = this.#options.decode(last.value)
      // What is no head is named by whoever reads it, which is the one who waits.
      if (head === undefined) {
        this.#isBroken = true
        this.#changed.wake()
        over.abort()
      } else if (last.revision > (this.#seen?.revision ?? 0)) this.#keep({ head, revision: last.revision })
    }
    const signal = AbortSignal.any([stop, over.signal])
    const call = { method: Watch.method.watch, message: writeWatch(key, seen.revision + 1), signal }
    const end = await member.stream(call, members.deadlines.tryMs, onAnswer)
    if (end.kind !== "denied" && !over.signal.aborted) members.avoid(member)
    return wasCreated
  }

  #keep(seen: SeenHead): void {
    const isNew = this.#seen === undefined || !isSameHead(this.#seen.head, seen.head)
    const isExpected = this.#expected !== undefined && isSameHead(this.#expected, seen.head)
    this.#seen = seen
    if (isNew && !isExpected) this.#changed.wake()
  }
}
