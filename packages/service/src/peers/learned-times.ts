import type { Timestamp } from "@keygrove/hierarchy"
import type { LedgerIndex } from "@keygrove/ledger"

/** To what resolution times are kept, so that a ledger that grows fast costs no more than one that does not. */
const RESOLUTION_MS = 1_000

/** When a node learned of the last entries of its ledger. What it knew when it started it learned too long ago to matter. */
export class LearnedTimes {
  readonly #keptMs: number
  /** Entries before it are too old to matter. */
  #start: LedgerIndex
  /** In their order: how long the ledger was, and when. */
  readonly #marks: { length: LedgerIndex; readonly at: Timestamp }[] = []

  constructor(length: LedgerIndex, keptMs: number) {
    this.#start = length
    this.#keptMs = keptMs
  }

  /** The ledger has this length now. */
  note(length: LedgerIndex, now: Timestamp): void {
    for (let first = this.#marks[0]; first !== undefined && now - first.at >= this.#keptMs; first = this.#marks[0]) {
      this.#start = first.length
      this.#marks.shift()
    }
    const last = this.#marks.at(-1)
    if (length <= (last?.length ?? this.#start)) return
    if (last !== undefined && now - last.at < RESOLUTION_MS) last.length = length
    else this.#marks.push({ length, at: now })
  }

  /** Whether this node learned of an entry less than the kept time ago. */
  isRecent(index: LedgerIndex, now: Timestamp): boolean {
    if (index < this.#start) return false
    const mark = this.#marks.find(({ length }) => length > index)
    return mark === undefined || now - mark.at < this.#keptMs
  }
}
