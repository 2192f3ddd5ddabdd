import { spawnSync } from "node:child_process"

/**
 * Runs a program of the operating system to its end.
 * @throws Error with what it said when it fails.
 */
export function run(command: string, ...args: readonly string[]): string {
  const { error, status, stderr, stdout } = spawnSync(command, args, { encoding: "utf8" })
  if (status === 0) return stdout
  throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`)
}
