/** Most that counts between two looks, which are a minute apart at most: with a clock that was set forward, or on a machine that slept, nothing was seen for longer. */
const MAX_GAP_MS = 120_000

/** How long something has been so, by the clock of who watches: since it was first asked for, as long as it is asked for in every round. */
export class Sightings {
  readonly #seen: Map<string, { readonly ageMs: number; readonly at: number }> = new Map()
  #asked: Set<string> = new Set()

  /** Milliseconds for which `what` was seen; a clock that is set makes nothing much older, and nothing younger. */
  ageMs(what: string, now: number): number {
    this.#asked.add(what)
    const before = this.#seen.get(what)
    const ageMs = before === undefined ? 0 : before.ageMs + Math.min(Math.max(0, now - before.at), MAX_GAP_MS)
    this.#seen.set(what, { ageMs, at: now })
    return ageMs
  }

  /** Forgets what was not asked for since the last call: it is so no more. */
  endRound(): void {
    for (const what of this.#seen.keys()) if (!this.#asked.has(what)) this.#seen.delete(what)
    this.#asked = new Set()
  }
}
