/** Work that has to be done one after the other wherever it is about the same thing; what is about different things goes on side by side. */
export class Turns {
  readonly #last: Map<string, Promise<unknown>> = new Map()

  /** Does the work when all that came before it under this key has ended, however it ended. The work must not take another turn under the same key. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.#last.get(key) ?? Promise.resolve()).then(work, work)
    this.#last.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
  }
}
