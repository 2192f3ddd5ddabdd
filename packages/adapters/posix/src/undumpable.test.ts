import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { expect, test } from "vitest"

const onLinux = process.platform === "linux"
/** Root reads everything, so as root both are somebody else: the same nobody. */
const asUser = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : ["env"]

const program = `
const { makeUndumpable } = await import(process.argv[1])
console.log("open")
for await (const _line of process.stdin) console.log(await makeUndumpable())
`

function run(...command: readonly string[]): { readonly status: number | null; readonly stderr: string } {
  const [name = "", ...args] = [...asUser, ...command]
  return spawnSync(name, args, { encoding: "utf8" })
}

const module = new URL("undumpable.ts", import.meta.url).href
/** A checkout in a closed directory cannot be run by nobody. */
const isRunnable = onLinux && run(process.execPath, "--input-type=module", "-e", `await import(${JSON.stringify(module)})`).status === 0

test.runIf(isRunnable)("another program of the same user can read a process before, and not after", async () => {
  const [name, ...args] = [...asUser, process.execPath, "--input-type=module", "-e", program, module]
  const child = spawn(name, args, { stdio: ["pipe", "pipe", "inherit"] })
  try {
    const lines = createInterface({ input: child.stdout })
    expect(await once(lines, "line")).toEqual(["open"])
    const look = (): readonly unknown[] => [`/proc/${child.pid}/environ`, `/proc/${child.pid}/mem`].map((file) => canOpen(file))
    expect(look()).toEqual([true, true])
    child.stdin.write("now\n")
    expect(await once(lines, "line")).toEqual(["true"])
    expect(look()).toEqual([false, false])
  } finally {
    child.kill("SIGKILL")
  }
})

/** Opens and reads nothing: address 0 of a memory is nowhere. */
function canOpen(file: string): boolean {
  const { status, stderr } = run("sh", "-c", `exec 3<${file}`)
  if (status === 0) return true
  expect(stderr).toContain("ermission denied")
  return false
}
