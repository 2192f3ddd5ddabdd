import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Bundles the programs and returns the command line's entry: what is measured is what users run. */
export function buildPrograms(): string {
  run(process.execPath, [`${root}scripts/build.ts`])
  return `${root}dist/keygrove.mjs`
}

/** Runs a program to its end and returns what it printed. Throws when it failed. */
export function run(command: string, args: readonly string[]): string {
  const { error, status, stderr, stdout } = spawnSync(command, args, { encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr}`)
  return stdout
}

/** Milliseconds that an action takes. */
export function timed(action: () => unknown): number {
  const start = performance.now()
  action()
  return performance.now() - start
}

/** The middle of the values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
