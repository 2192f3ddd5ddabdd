import type { Timestamp } from "@keygrove/hierarchy"

const MINUTE_MS = 60_000
/** Keys whose uses are counted at once; beyond, the longest unused is forgotten. */
const MAX_KEYS = 10_000

interface Window {
  readonly since: Timestamp
  readonly uses: number
}

/** Counts the uses of keys that may be used only so often a minute. */
export class UseRates {
  readonly #windows: Map<string, Window> = new Map()

  /** Counts a use and says whether it is within `perMinute`. A clock that steps back opens no new window. */
  take(id: string, perMinute: number, now: Timestamp): boolean {
    const known = this.#windows.get(id)
    const window = known !== undefined && now < known.since + MINUTE_MS ? known : { since: now, uses: 0 }
    if (window.uses >= perMinute) return false
    // Set anew, so that the map stays in the order of last use.
    this.#windows.delete(id)
    this.#windows.set(id, { since: window.since, uses: window.uses + 1 })
    const [oldest] = this.#windows.keys()
    if (this.#windows.size > MAX_KEYS && oldest !== undefined) this.#windows.delete(oldest)
    return true
  }
}
