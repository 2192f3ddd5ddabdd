/** How long a call waits for another revision, in milliseconds. */
const WAIT_MS = 30_000

/** The questions that wait for an answer, and how often they have changed. */
export interface QuestionList {
  readonly revision: number
  /** Oldest first. */
  readonly questions: readonly { readonly question: number; readonly key: string }[]
}

/** Questions to a person who is asked elsewhere: each stays open until it is answered or whoever asked is gone. As many as an agent has clients. */
export class OpenQuestions {
  readonly #open: Map<number, { readonly key: string; readonly settle: (agreed: boolean) => void }> = new Map()
  #changed: PromiseWithResolvers<void> = Promise.withResolvers()
  // Not 0, which is what a caller has seen who has seen nothing.
  #revision = 1
  #lastQuestion = 0
  #hasEnded = false

  /** Whether the person agrees that `key` signs; false when the signal withdraws the question. */
  async ask(key: string, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted || this.#hasEnded) return false
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const question = ++this.#lastQuestion
    const withdraw = (): void => resolve(false)
    signal.addEventListener("abort", withdraw, { once: true })
    this.#open.set(question, { key, settle: resolve })
    this.#change()
    return await promise.finally(() => {
      signal.removeEventListener("abort", withdraw)
      this.#open.delete(question)
      this.#change()
    })
  }

  /** Answers a question; false when it is not open. */
  answer(question: number, agreed: boolean): boolean {
    const found = this.#open.get(question)
    found?.settle(agreed)
    // Not twice, also before whoever asked has heard it.
    return found !== undefined && this.#open.delete(question)
  }

  /** The open questions once their revision is not `seen`, or after half a minute; `undefined` when there will be no more. */
  async changed(seen: number, signal: AbortSignal): Promise<QuestionList | undefined> {
    signal.throwIfAborted()
    if (seen === this.#revision && !this.#hasEnded) await this.#nextChange(signal)
    signal.throwIfAborted()
    if (this.#hasEnded) return undefined
    return { revision: this.#revision, questions: [...this.#open].map(([question, { key }]) => ({ question, key })) }
  }

  /** Answers every question with no, and has no more. */
  end(): void {
    this.#hasEnded = true
    for (const { settle } of this.#open.values()) settle(false)
    this.#change()
  }

  async #nextChange(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = (): void => resolve()
    const timer = setTimeout(wake, WAIT_MS)
    signal.addEventListener("abort", wake, { once: true })
    await Promise.race([promise, this.#changed.promise]).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener("abort", wake)
    })
  }

  #change(): void {
    this.#revision++
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
