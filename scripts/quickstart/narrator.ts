import { byteCount } from "../../packages/apps/cli/src/text.ts"

interface Step {
  readonly name: string
  readonly text: string
  readonly ms: number
}

export interface Summary {
  readonly file: string
  readonly bytes: number
  readonly peakBytes: number
  readonly kept: string | null
}

/** Prints one line a step with its time, or everything as one JSON object at the end. */
export class Narrator {
  readonly #json: boolean
  readonly #steps: Step[] = []
  readonly #started: number = performance.now()
  #last: number = performance.now()

  constructor(json: boolean) {
    this.#json = json
  }

  begin(text: string): void {
    this.note(text)
  }

  /** A step that is done; its time is what passed since the step before. */
  step(name: string, text: string): void {
    const now = performance.now()
    const ms = now - this.#last
    this.#last = now
    this.#steps.push({ name, text, ms: Math.round(ms) })
    if (!this.#json) process.stdout.write(`${seconds(ms).padStart(8)}  ${text}\n`)
  }

  note(text: string): void {
    if (!this.#json) process.stdout.write(`${text}\n`)
  }

  finish(summary: Summary): void {
    const ms = performance.now() - this.#started
    if (this.#json) process.stdout.write(`${JSON.stringify({ version: 1, ...summary, ms: Math.round(ms), steps: this.#steps })}\n`)
    else
      process.stdout.write(
        `${seconds(ms).padStart(8)}  done; no process used more than ${byteCount(summary.peakBytes)} of memory${summary.kept === null ? "; nothing is left behind" : ""}\n`,
      )
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}
