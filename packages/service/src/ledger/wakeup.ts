/** Wakes whoever waits for a change, without polling. */
export class Wakeup {
  #next: PromiseWithResolvers<void> = Promise.withResolvers()
  #count = 0

  /** Changes so far; read it before looking at what changes, so that {@link Wakeup.wait} misses none. */
  get count(): number {
    return this.#count
  }

  /** Something changed. */
  wake(): void {
    const current = this.#next
    this.#next = Promise.withResolvers()
    this.#count++
    current.resolve()
  }

  /** Resolves once there were more than `seen` changes, or as soon as the signal fires: callers look at both. */
  async wait(signal: AbortSignal, seen: number = this.#count): Promise<void> {
    if (signal.aborted || this.#count > seen) return
    const aborted = Promise.withResolvers<void>()
    const onAbort = (): void => aborted.resolve()
    signal.addEventListener("abort", onAbort, { once: true })
    await Promise.race([this.#next.promise, aborted.promise])
    signal.removeEventListener("abort", onAbort)
  }
}
