import type { CommandContext } from "../command.ts"
import { confirmed } from "../confirm.ts"

/** One signature that waits for a person. */
export interface AgentQuestion {
  /** Later ones have greater numbers. */
  readonly question: number
  readonly key: string
}

export interface AgentTerminalOptions {
  readonly terminal: Pick<CommandContext, "stdin" | "stderr">
  /** Tells the agent what the person said. */
  readonly answer: (question: number, agreed: boolean) => Promise<void>
  /** Called once when nothing more can be asked: after ^C, or when an answer was not taken. */
  readonly over: () => void
}

/** Asks an agent's questions on the terminal, one at a time, each once. One that is withdrawn is taken off the terminal. */
export class AgentTerminal {
  readonly #options: AgentTerminalOptions
  readonly #closed = new AbortController()
  #open: readonly AgentQuestion[] = []
  #current: { readonly question: number; readonly withdrawn: AbortController } | undefined
  /** What the agent says may be older than the answer to it. */
  #lastAsked = 0
  #asking: Promise<void> | undefined

  constructor(options: AgentTerminalOptions) {
    this.#options = options
  }

  /** Takes the questions that are open now, oldest first. */
  show(open: readonly AgentQuestion[]): void {
    this.#open = open
    if (!open.some(({ question }) => question === this.#current?.question)) this.#current?.withdrawn.abort()
    this.#asking ??= this.#askAll().finally(() => (this.#asking = undefined))
  }

  /** Takes the question that is asked off the terminal and asks no more. */
  async close(): Promise<void> {
    this.#closed.abort()
    await this.#asking
  }

  async #askAll(): Promise<void> {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#lastAsked = next.question
      try {
        const agreed = await this.#ask(next)
        if (agreed !== undefined) await this.#options.answer(next.question, agreed)
      } catch {
        // Whoever waits for questions meets the same fault, and says so.
        this.#closed.abort()
        this.#options.over()
      }
    }
  }

  #next(): AgentQuestion | undefined {
    return this.#closed.signal.aborted ? undefined : this.#open.find(({ question }) => question > this.#lastAsked)
  }

  /** What the person said; `undefined` when the question was withdrawn. Rejects after ^C. */
  async #ask({ key, question }: AgentQuestion): Promise<boolean | undefined> {
    const { stderr, stdin } = this.#options.terminal
    const withdrawn = new AbortController()
    const signal = AbortSignal.any([withdrawn.signal, this.#closed.signal])
    this.#current = { question, withdrawn }
    try {
      return await confirmed(`let a program sign with ${key} once?`, { stdin, stderr, signal })
    } catch (error) {
      if (!signal.aborted) throw error
      stderr.write(withdrawn.signal.aborted ? `\n${key}: nobody waits for the answer any more\n` : "\n")
      return undefined
    } finally {
      this.#current = undefined
    }
  }
}
