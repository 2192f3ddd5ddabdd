import { spawn } from "node:child_process"
import { rmSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { countTests } from "./count-tests.ts"
import { addCounts, type Counts, type Step } from "./step.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/**
 * Runs groups of steps, one group after the other; of a group as many at once as there are processors. Prints a line a step, and the output of
 * those that fail.
 */
export async function runSteps(groups: readonly (readonly Step[])[]): Promise<Counts> {
  const counts: Counts[] = []
  for (const group of groups) {
    const waiting = [...group]
    const worker = async (): Promise<void> => {
      for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) counts.push(await runStep(step))
    }
    await Promise.all(Array.from({ length: availableParallelism() }, worker))
  }
  return addCounts(counts)
}

/** `N passed, N failed, N skipped`, the last line of every run. */
export function printCounts({ passed, failed, skipped }: Counts): void {
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
}

async function runStep(step: Step): Promise<Counts> {
  const start = performance.now()
  if (step.report !== undefined) rmSync(step.report, { force: true })
  const { status, output } = await run(step.command)
  const counts =
    step.report === undefined ? { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 } : countTests(step.report, status)
  const time = `${((performance.now() - start) / 1000).toFixed(1)} s`
  if (counts.failed > 0) console.log(output.trimEnd())
  const tests = step.report === undefined ? "" : `  ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
  console.log(`${counts.failed === 0 ? "ok    " : "FAILED"} ${step.name.padEnd(14)} ${time.padStart(8)}${tests}`)
  return counts
}

function run(command: readonly string[]): Promise<{ readonly status: number; readonly output: string }> {
  return new Promise((resolve) => {
    // Tests start hundreds of processes from the sources; with the cache each takes half the time.
    const env = { NODE_COMPILE_CACHE: `${root}.cache/compile`, ...process.env, NO_COLOR: "1" }
    const child = spawn(process.execPath, command, { cwd: root, stdio: ["ignore", "pipe", "pipe"], env })
    const chunks: Buffer[] = []
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.on("error", (error) => resolve({ status: 1, output: error.message }))
    child.on("close", (code) => resolve({ status: code ?? 1, output: Buffer.concat(chunks).toString("utf8") }))
  })
}
