import { closeSync, openSync, writeSync } from "node:fs"
import { isatty, ReadStream } from "node:tty"
import { ok, refuse, type Refusal, type Result, type Secret } from "@keygrove/base"
import { LineEditor, MAX_TYPED_BYTES, type LineEnd } from "./line-editor.ts"

/** Why a question on a terminal has no answer. */
export type PromptRefusal = "PROMPT_INTERRUPTED" | "PASSPHRASE_TOO_LONG" | "PASSPHRASE_MISSING"

export interface PromptOptions {
  /** Ends the question as ^C does. */
  readonly signal: AbortSignal
}

/**
 * A person's terminal, in raw mode until it is disposed of: nothing is echoed that this class does not echo, not even what is typed before its
 * question, and ^C is a byte that ends the question instead of a signal that ends the process with the terminal left without echo.
 */
export class Terminal implements Disposable {
  readonly #descriptor: number
  readonly #input: ReadStream
  /** Typed ahead of the next question; at most what the system's terminal buffer holds. */
  readonly #ahead: Uint8Array[] = []
  #wake: (() => void) | undefined
  #closed = false

  /** Takes over the descriptor of a terminal, which is closed on disposal: whoever keeps one keeps its window or connection from ending. */
  constructor(descriptor: number) {
    this.#descriptor = descriptor
    this.#input = new ReadStream(descriptor)
    this.#input.setRawMode(true)
    this.#input.on("data", (chunk: Uint8Array) => this.#arrive(chunk))
    const close = (): void => this.#close()
    // A terminal that was hung up fails with EIO.
    this.#input.once("end", close).once("close", close).on("error", close)
  }

  /** The terminal that controls this process; `undefined` when there is none. */
  static openControlling(): Terminal | undefined {
    try {
      return new Terminal(openSync("/dev/tty", "r+"))
    } catch {
      return undefined
    }
  }

  /** Shows text. */
  say(text: string): void {
    writeSync(this.#descriptor, text)
  }

  /** Clears the screen and what scrolled out of it, where the terminal can. */
  clear(): void {
    this.say("\u001B[3J\u001B[H\u001B[2J")
  }

  /** Asks for a secret: without echo, straight into locked memory. It belongs to the caller. */
  async askSecret(question: string, options: PromptOptions): Promise<Result<Secret, PromptRefusal>> {
    using editor = new LineEditor({ visible: false })
    const ended = await this.#ask(question, editor, options)
    if (ended !== "line") return unanswered(ended)
    const line = editor.line()
    return line === undefined ? refuse("PASSPHRASE_MISSING", "nothing was typed; run it again") : ok(line)
  }

  /** Asks for text, with echo. It becomes a string, which cannot be wiped: for the words of a ceremony, whose process ends right after. */
  async askText(question: string, options: PromptOptions): Promise<Result<string, PromptRefusal>> {
    using editor = new LineEditor({ visible: true })
    const ended = await this.#ask(question, editor, options)
    if (ended !== "line") return unanswered(ended)
    using line = editor.line()
    return ok(line === undefined ? "" : line.expose((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8")))
  }

  /** Gives the terminal back as it was. */
  [Symbol.dispose](): void {
    this.#close()
    for (const chunk of this.#ahead.splice(0)) chunk.fill(0)
    if (this.#input.destroyed) return
    this.#input.setRawMode(false)
    this.#input.destroy()
    // The stream has opened the terminal a second time where it could, and leaves the first descriptor alone then.
    if (isatty(this.#descriptor)) closeSync(this.#descriptor)
  }

  async #ask(question: string, editor: LineEditor, { signal }: PromptOptions): Promise<LineEnd> {
    this.say(question)
    try {
      for (;;) {
        const chunk = await this.#next(signal)
        if (chunk === undefined) return "interrupted"
        const { echo, ended, used } = editor.feed(chunk)
        if (echo !== "") this.say(echo)
        if (used < chunk.length) this.#ahead.unshift(Uint8Array.from(chunk.subarray(used)))
        chunk.fill(0)
        if (ended !== undefined) return ended
      }
    } finally {
      if (!this.#closed) this.say("\n")
    }
  }

  /** The next bytes typed; `undefined` when there will be none. */
  async #next(signal: AbortSignal): Promise<Uint8Array | undefined> {
    const wake = (): void => this.#wake?.()
    signal.addEventListener("abort", wake)
    try {
      while (this.#ahead.length === 0 && !this.#closed && !signal.aborted)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      return signal.aborted ? undefined : this.#ahead.shift()
    } finally {
      signal.removeEventListener("abort", wake)
      this.#wake = undefined
    }
  }

  #arrive(chunk: Uint8Array): void {
    this.#ahead.push(chunk)
    this.#wake?.()
  }

  #close(): void {
    this.#closed = true
    this.#wake?.()
  }
}

function unanswered(ended: Exclude<LineEnd, "line">): Refusal<PromptRefusal> {
  return ended === "interrupted"
    ? refuse("PROMPT_INTERRUPTED", "the question was not answered; nothing was changed")
    : refuse("PASSPHRASE_TOO_LONG", `more than ${MAX_TYPED_BYTES} bytes were typed; run it again`)
}
