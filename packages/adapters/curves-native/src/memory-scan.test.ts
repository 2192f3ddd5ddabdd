import { spawn } from "node:child_process"
import { open, readFile } from "node:fs/promises"
import { createInterface } from "node:readline"
import { expect, test } from "vitest"

const isRootOnLinux = process.platform === "linux" && process.getuid?.() === 0
const scenarios = ["held", "hkdf", "ed25519", "x25519", "aes-256-gcm", "xchacha20-poly1305", "xsalsa20-poly1305"]

test.runIf(isRootOnLinux).each(scenarios)("no copy of a secret is left after %s", async (scenario) => {
  const script = new URL("./memory-scan.fixture.ts", import.meta.url).pathname
  const child = spawn(process.execPath, ["--no-warnings", "--expose-gc", script, scenario], { stdio: ["pipe", "pipe", "inherit"] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const masked = Buffer.from((await lines.next()).value ?? "", "hex")
  const needle = Buffer.from(masked.map((byte) => byte ^ 0x5a))
  // The scan must find what is there before its finding nothing means anything.
  const planted = await occurrences(child.pid ?? 0, needle)
  child.stdin.write("use\n")
  expect((await lines.next()).value).toBe("wiped")
  const left = await occurrences(child.pid ?? 0, needle)
  child.stdin.end("end\n")
  expect(needle).toHaveLength(32)
  expect(planted).toBeGreaterThan(0)
  expect(left).toBe(0)
})

/** Most of what a process has reserved was never written. */
const EMPTY = Buffer.alloc(256 << 10)

/** How often either half of a secret occurs in the writable memory of a process. */
async function occurrences(pid: number, secret: Buffer): Promise<number> {
  const halves = [secret.subarray(0, 16), secret.subarray(16)]
  await using memory = await open(`/proc/${pid}/mem`, "r")
  const block = Buffer.allocUnsafeSlow(EMPTY.length)
  let found = 0
  for (const [start, end] of await writableRanges(pid)) {
    for (let at = start; at < end; at += block.length - 16) {
      const length = Math.min(block.length, end - at)
      // Reserved but never touched, or special: nothing to read there.
      const { bytesRead } = await memory.read(block, 0, length, at).catch(() => ({ bytesRead: 0 }))
      const content = block.subarray(0, bytesRead)
      if (content.equals(EMPTY.subarray(0, bytesRead))) continue
      for (const half of halves) if (content.includes(half)) found++
    }
  }
  return found
}

async function writableRanges(pid: number): Promise<readonly (readonly [number, number])[]> {
  const maps = await readFile(`/proc/${pid}/maps`, "latin1")
  return maps
    .split("\n")
    .filter((line) => /^\S+ rw/.test(line))
    .map((line) => {
      const [start = "0", end = "0"] = (line.split(" ", 1)[0] ?? "").split("-")
      return [Number.parseInt(start, 16), Number.parseInt(end, 16)] as const
    })
}
