/** How long something has been so, by the clock of who watches: since it was first asked for, as long as it is asked for in every round. */
export class Sightings {
  readonly #since: Map<string, number> = new Map()
  #asked: Set<string> = new Set()

  /** Milliseconds since `what` was first seen; a clock that steps back makes nothing older. */
  ageMs(what: string, now: number): number {
    this.#asked.add(what)
    const since = this.#since.get(what)
    if (since !== undefined && since <= now) return now - since
    this.#since.set(what, now)
    return 0
  }

  /** Forgets what was not asked for since the last call: it is so no more. */
  endRound(): void {
    for (const what of this.#since.keys()) if (!this.#asked.has(what)) this.#since.delete(what)
    this.#asked = new Set()
  }
}
