import { readFileSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"

/** How often a process is looked at. */
const LOOK_MS = 20

/** Whether a process with this id exists; a zombie that its parent has not waited for does not count. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
  return !isZombie(pid)
}

function isZombie(pid: number): boolean {
  if (process.platform !== "linux") return false
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1)?.trim().startsWith("Z") === true
  } catch {
    return true // It ended between the two looks.
  }
}

/** Waits until a process has ended; false when it has not within `timeoutMs`. */
export async function waitForEnd(pid: number, options: { readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<boolean> {
  const deadline = performance.now() + options.timeoutMs
  while (isRunning(pid)) {
    if (performance.now() > deadline) return false
    await delay(LOOK_MS, undefined, { signal: options.signal })
  }
  return true
}
