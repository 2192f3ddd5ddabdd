import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startGrove } from "../packages/apps/cli/src/grove/grove.ts"
import { buildPrograms, median, timed } from "./programs.ts"

/** Runs of each command; they take turns, so that a slow moment of the machine slows all of them. */
const RUNS = 30
/** How much longer than a bare Node the command line may take. */
const LIMIT = 2.5

/** Prints how long `--help` and `status` take against `node -e 0` of the same Node; exit status 1 when over the limit. */
async function main(): Promise<number> {
  const nowhere = mkdtempSync(join(tmpdir(), "keygrove-bench-"))
  const entry = buildPrograms()
  try {
    await using grove = await startGrove({ nodes: ["laptop"], readers: [], proxies: [], entry }, new AbortController().signal)
    const { home } = grove.member("laptop")
    const stopped = join(grove.directory, "stopped")
    // The files that tell about a node, without those by which it is reached.
    cpSync(home, stopped, { recursive: true, filter: (file) => !/(?:rpc\.sock|\.cookie|node\.(?:pid|lock).*)$/.test(file) })
    const contenders: readonly (readonly [string, readonly string[]])[] = [
      ["node -e 0", ["-e", "0"]],
      ["keygrove --help", [entry, "--help"]],
      ["keygrove status (running)", [entry, "status", "--home", home]],
      ["keygrove status (stopped node)", [entry, "status", "--home", stopped]],
      ["keygrove status (no home)", [entry, "status", "--home", nowhere]],
    ]
    const times = measure(contenders.map(([, args]) => args))
    const bare = times[0] ?? Number.NaN
    contenders.forEach(([name], index) => {
      const ms = times[index] ?? Number.NaN
      process.stdout.write(`${name.padEnd(32)} ${ms.toFixed(1).padStart(7)} ms  ${(ms / bare).toFixed(2)} × bare Node (limit ${LIMIT})\n`)
    })
    return times.every((ms) => ms <= LIMIT * bare) ? 0 : 1
  } finally {
    rmSync(nowhere, { recursive: true })
  }
}

/** Median wall time of each command in milliseconds; the first round fills the caches and is not counted. */
function measure(commands: readonly (readonly string[])[]): readonly number[] {
  const samples = commands.map((): number[] => [])
  for (let round = 0; round <= RUNS; round++) {
    commands.forEach((args, index) => {
      const ms = timed(() => spawnSync(process.execPath, args, { stdio: "ignore" }))
      if (round > 0) samples[index]?.push(ms)
    })
  }
  return samples.map(median)
}

process.exitCode = await main()
