/** Longest sleep in milliseconds: a day, well below where platform timers overflow and fire at once. */
export const MAX_SLEEP_MS = 86_400_000

/** Every clock checks with it. @throws RangeError */
export function assertSleep(durationMs: number): void {
  if (!Number.isSafeInteger(durationMs) || durationMs < 0 || durationMs > MAX_SLEEP_MS) {
    throw new RangeError(`a sleep has 0 to ${MAX_SLEEP_MS} whole milliseconds, got ${durationMs}`)
  }
}
