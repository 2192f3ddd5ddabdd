import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"

/** How often a running process is looked at; Linux itself keeps the peak, so only the last moments before its end can be missed. */
const SAMPLE_MS = 50

export interface PeakMemory extends Disposable {
  /** Highest resident memory seen so far, in bytes; 0 where the platform does not tell. */
  peakBytes(): number
}

/** Follows the resident memory of one process until disposed of. */
export function watchPeakMemory(pid: number | undefined): PeakMemory {
  const seen = { bytes: 0 }
  const sample = (): void => {
    if (pid !== undefined) seen.bytes = Math.max(seen.bytes, residentPeak(pid))
  }
  const timer = setInterval(sample, SAMPLE_MS)
  timer.unref()
  return { peakBytes: () => seen.bytes, [Symbol.dispose]: () => clearInterval(timer) }
}

/** Peak resident memory of a process in bytes: Linux's high-water mark, elsewhere what `ps` sees now. 0 when it is gone. */
export function residentPeak(pid: number): number {
  try {
    if (process.platform !== "linux")
      return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }).trim()) * 1024
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))
    return Number(match?.[1] ?? 0) * 1024
  } catch {
    return 0 // The process ended between being named and being looked at.
  }
}

/** A process and all its descendants (Linux; elsewhere the process alone). */
export function processTree(pid: number): readonly number[] {
  if (process.platform !== "linux") return [pid]
  const parents = new Map(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), parentOf(Number(name))]),
  )
  const tree = [pid]
  for (const member of tree) tree.push(...[...parents].filter(([, parent]) => parent === member).map(([child]) => child))
  return tree
}

function parentOf(pid: number): number {
  try {
    // The name in parentheses may itself hold spaces and parentheses: count from the last one.
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1)?.trim().split(" ")[1] ?? 0)
  } catch {
    return 0
  }
}
