import { spawn } from "node:child_process"
import { rmSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { countTests } from "./count-tests.ts"
import { readReport } from "./read-report.ts"
import { runAll } from "./schedule.ts"
import { addCounts, type Counts, type Step, type StepEnd } from "./step.ts"
import { secondsText, whereTimeWent } from "./where-time-went.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
/** Room for one processor more than there are: whatever starts processes and writes to disks waits now and then. */
const PROCESSORS = availableParallelism() + 1
/** What takes longer hangs, and is ended. */
const STEP_LIMIT_MS = 3_600_000
/** Every run tries the same inputs of properties, so that only a change makes one fail; `npm test` tries others each time. */
const PROPERTY_SEED = "20261121"

/** Runs every step, whatever fails. Prints a line a step when it ends, the output of those that fail, and in the end where the time went. */
export async function runSteps(steps: readonly Step[]): Promise<Counts> {
  const ends = await runAll(steps, PROCESSORS, runStep)
  for (const line of whereTimeWent(ends, root)) console.log(line)
  return addCounts(ends.map(({ counts }) => counts))
}

/** `N passed, N failed, N skipped`, the last line of every run. */
export function printCounts({ passed, failed, skipped }: Counts): void {
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
}

async function runStep({ command, name, report }: Step): Promise<StepEnd> {
  const start = performance.now()
  if (report !== undefined) rmSync(report, { force: true })
  const { status, output } = await run(command)
  const seconds = (performance.now() - start) / 1000
  const files = report === undefined ? [] : readReport(report)
  const isDone = status === 0
  const counts = report === undefined ? { passed: isDone ? 1 : 0, failed: isDone ? 0 : 1, skipped: 0 } : countTests(files, status)
  if (counts.failed > 0) console.log(output.trimEnd())
  const tests = report === undefined ? "" : `  ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
  console.log(`${counts.failed === 0 ? "ok    " : "FAILED"} ${name.padEnd(14)} ${secondsText(seconds)}${tests}`)
  return { name, counts, seconds, files }
}

function run(command: readonly string[]): Promise<{ readonly status: number; readonly output: string }> {
  return new Promise((resolve) => {
    // Tests start hundreds of processes from the sources; with the cache each takes half the time.
    const env = { NODE_COMPILE_CACHE: `${root}.cache/compile`, KEYGROVE_PROPERTY_SEED: PROPERTY_SEED, ...process.env, NO_COLOR: "1" }
    const child = spawn(process.execPath, command, { cwd: root, stdio: ["ignore", "pipe", "pipe"], env, timeout: STEP_LIMIT_MS })
    const chunks: Buffer[] = []
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk))
    child.on("error", (error) => resolve({ status: 1, output: error.message }))
    child.on("close", (code) => resolve({ status: code ?? 1, output: Buffer.concat(chunks).toString("utf8") }))
  })
}
