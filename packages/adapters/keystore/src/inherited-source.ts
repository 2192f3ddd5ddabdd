import { setTimeout as delay } from "node:timers/promises"
import type { PromptOptions } from "./terminal/terminal.ts"

/** Longest passphrase in bytes. */
export const MAX_PASSPHRASE_BYTES = 1_024

/** How soon a pipe that has nothing yet is looked at again. */
const LOOK_MS = 20

/** How an inherited file, pipe or terminal is read. */
export interface SourceOptions extends PromptOptions {
  /** Whether reading a descriptor would not have to wait. Without it, a pipe that nobody writes to holds up the process, its signals and its end. */
  readonly isReadable?: (descriptor: number) => boolean
}

/** Waits until reading would not have to; false when the signal fired before. */
export async function untilReadable(descriptor: number, { isReadable = (): boolean => true, signal }: SourceOptions): Promise<boolean> {
  while (!signal.aborted) {
    if (isReadable(descriptor)) return true
    await untilNextLook()
  }
  return false
}

/** Lets a moment go by. */
export async function untilNextLook(): Promise<void> {
  await delay(LOOK_MS)
}
