import { statSync } from "node:fs"
import type { SingleBar } from "cli-progress"
import { byteCount } from "./text.ts"

/** Nothing is shown for what ends sooner. */
const DELAY_MS = 1000

export interface Progress extends Disposable {
  /** Tells how many bytes, or whatever is counted, are done. */
  readonly update: (bytes: number) => void
}

/**
 * Shows on a terminal how far `what` is, once it takes longer than a second.
 * @param total expected bytes; `undefined` when nobody knows.
 * @param shown what is counted, as people read it; bytes when absent.
 */
export function startProgress(
  stderr: NodeJS.WriteStream,
  what: string,
  total: number | undefined,
  shown: (count: number) => string = byteCount,
): Progress {
  if (!stderr.isTTY) return { update: () => undefined, [Symbol.dispose]: () => undefined }
  const started = performance.now()
  const state: { bar: SingleBar | undefined; loading: boolean; ended: boolean } = { bar: undefined, loading: false, ended: false }
  const show = async (bytes: number): Promise<void> => {
    state.loading = true
    const { default: library } = await import("cli-progress")
    if (state.ended) return
    const format = total === undefined ? `${what} {done}` : `${what} {bar} {percentage}% {done} of ${shown(total)}, {eta_formatted} left`
    state.bar = new library.SingleBar({ format, stream: stderr, clearOnComplete: true, hideCursor: true, etaBuffer: 50 })
    state.bar.start(total ?? 0, bytes, { done: shown(bytes) })
  }
  return {
    update: (bytes) => {
      if (state.bar !== undefined) state.bar.update(bytes, { done: shown(bytes) })
      else if (!state.loading && performance.now() - started > DELAY_MS) void show(bytes)
    },
    [Symbol.dispose]: () => {
      state.ended = true
      state.bar?.stop()
    },
  }
}

/** Size of a regular file in bytes, for the progress; `undefined` for anything else, also what does not exist. */
export function sizeOf(file: string): number | undefined {
  const facts = file === "-" ? undefined : statSync(file, { throwIfNoEntry: false })
  return facts?.isFile() === true ? facts.size : undefined
}
