import { spawn, spawnSync } from "node:child_process"
import { closeSync, openSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { withoutCoreDumps } from "./core-dumps.ts"

test("the process has no core file, and cannot ask for one", () => {
  const { command, args } = withoutCoreDumps({ command: "sh", args: ["-c", "ulimit -Sc; ulimit -Hc"] })
  expect(spawnSync(command, args, { encoding: "utf8" })).toMatchObject({ status: 0, stdout: "0\n0\n" })
})

test("it gets its arguments, its descriptors, its signals and its own process id", async () => {
  const directory = await mkdtemp(join(tmpdir(), "keygrove-core-"))
  const file = join(directory, "passphrase")
  writeFileSync(file, "from five")
  const source = openSync(file, "r")
  try {
    const program =
      'console.log(process.pid, process.argv.slice(1).join("|"), require("fs").readFileSync(5, "utf8")); setInterval(() => 0, 1e6)'
    const { command, args } = withoutCoreDumps({ command: process.execPath, args: ["-e", program, "--", "a b", "$HOME", "'", ""] })
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit", "ignore", "ignore", source] })
    const said = await new Promise<string>((resolve) => child.stdout?.setEncoding("utf8").once("data", resolve))
    expect(said).toBe(`${child.pid ?? 0} a b|$HOME|'| from five\n`)
    const ended = new Promise((resolve) => child.once("exit", (_code, signal) => resolve(signal)))
    child.kill("SIGTERM")
    expect(await ended).toBe("SIGTERM")
  } finally {
    closeSync(source)
    await rm(directory, { recursive: true })
  }
})

test("without a shell the command stays as it is", () => {
  const command = { command: "/bin/true", args: ["x"] }
  expect(withoutCoreDumps(command, "/nonexistent/sh")).toEqual(command)
})
