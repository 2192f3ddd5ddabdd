import { spawn } from "node:child_process"
import { mkdirSync } from "node:fs"
import { randomInt } from "node:crypto"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { findObstacles } from "./obstacles.ts"
import { runWorld } from "./run-world.ts"

/**
 * `npm run test:faults [-- --minutes M --seed S]`: nodes and an etcd in a world of their own, faults, and whether every promise was kept. Exit status 0 when so.
 *
 * The world is a set of Linux namespaces: its machines, disks and processes end with it, whatever ends this program, and nothing outside sees any of them.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(randomInt(2 ** 32 - 1)) },
    /** Set by this program when it starts itself again, in the world. */
    inside: { type: "boolean", default: false },
  },
})

/** Process 1 of the world takes in orphans and ends with its only job; the world ends with it. */
const FIRST_PROCESS = '"$@" & wait "$!"'

process.exitCode = await main(numberOf("minutes"), numberOf("seed"))

async function main(minutes: number, seed: number): Promise<number> {
  if (values.inside) return await runWorld({ minutes, seed, print })
  const obstacles = findObstacles()
  for (const each of obstacles) process.stderr.write(`FAULTS_IMPOSSIBLE: ${each}\n`)
  if (obstacles.length > 0) return 1
  // The world's own bundles cover it.
  mkdirSync(fileURLToPath(new URL("../../.cache/bundles", import.meta.url)), { recursive: true })
  const world = ["unshare", "--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc", "sh", "-c", FIRST_PROCESS, "sh"]
  const self = [process.execPath, fileURLToPath(import.meta.url), "--inside", "--minutes", String(minutes), "--seed", String(seed)]
  // The world is killed when this process ends, also when that is killed.
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...world, ...self], { stdio: ["ignore", "inherit", "inherit"] })
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => child.kill("SIGKILL"))
  return await new Promise((resolve, reject) => child.once("error", reject).once("close", (code) => resolve(code ?? 1)))
}

function numberOf(name: "minutes" | "seed"): number {
  const number = Number(values[name])
  if (values[name] !== "" && number >= 0 && Number.isFinite(number)) return number
  throw new RangeError(`--${name} is a number, not ${values[name]}`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
