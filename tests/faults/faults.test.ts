import { spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { findObstacles } from "./obstacles.ts"

const main = join(import.meta.dirname, "main.ts")
const obstacles = findObstacles()
const isPossible = obstacles.length === 0
/** Why a test is skipped stands in its name. */
const unless = isPossible ? "" : ` (${obstacles.join("; ")})`

interface Ended {
  readonly exitStatus: number | null
  readonly output: string
}

/** Runs a world of faults to its end; `onOutput` sees everything said so far. */
async function runFaults(
  args: readonly string[],
  onOutput: (output: string, kill: () => boolean) => void = () => undefined,
): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  let output = ""
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text
      onOutput(output, () => child.kill("SIGKILL"))
    })
  const exitStatus = await new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve))
  return { exitStatus, output }
}

test.runIf(isPossible)(`a minute of faults breaks no promise${unless}`, async () => {
  const seed = process.env["KEYGROVE_SEED"] ?? "1"
  const { exitStatus, output } = await runFaults(["--minutes", "1", "--seed", seed])
  expect(exitStatus, output).toBe(0)
  // Else it proved nothing.
  expect(output).toMatch(/checked +no violation/)
  expect(Number(/(\d+) acknowledged/.exec(output)?.[1])).toBeGreaterThan(100)
})

test.runIf(isPossible)(`a world whose program is killed leaves nothing behind${unless}`, async () => {
  const seed = String(randomInt(2 ** 32 - 1))
  const before = traces()
  const { output } = await runFaults(["--minutes", "9", "--seed", seed], (said, kill) => void (said.includes("have a leader") && kill()))
  expect(output).toContain("have a leader")
  await expect.poll(() => processesOf(seed)).toEqual([])
  // Tests beside this one mount and unmount what they fill.
  await expect.poll(() => traces().filter((each) => !before.includes(each))).toEqual([])
})

test("refuses what is no number of minutes", async () => {
  expect(await runFaults(["--minutes", "soon"])).toMatchObject({ exitStatus: 1, output: expect.stringContaining("--minutes is a number") })
})

/** What namespaces leave where they are not taken away: names of networks, and mounts. */
function traces(): readonly string[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n")
  return [...mounts.filter((line) => line.includes("keygrove") || line.includes("netns")), ...listOf("/run/netns")]
}

/** Processes of any user and namespace that were started with this seed. */
function processesOf(seed: string): readonly string[] {
  return listOf("/proc").filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`\0--seed\0${seed}\0`)
    } catch {
      return false
    }
  })
}

function listOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
