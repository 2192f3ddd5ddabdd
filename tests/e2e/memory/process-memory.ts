import { readFileSync } from "node:fs"
import { open, readFile } from "node:fs/promises"

const BLOCK_BYTES = 4 * 1024 * 1024
/** Bit of `CAP_SYS_PTRACE` (capabilities(7)). */
const SYS_PTRACE = 19n

/** Whether this process may read the memory of any other, also of a keystore that has closed itself to its user: root's capability, which a container may lack. */
export const canReadMemory: boolean = process.platform === "linux" && ((effectiveCapabilities() >> SYS_PTRACE) & 1n) === 1n

/** Which of the named patterns (at most 64 bytes each) occur in the writable memory of a process. Needs {@link canReadMemory}. */
export async function findInProcess(pid: number, patterns: ReadonlyMap<string, Uint8Array>): Promise<readonly string[]> {
  await using memory = await open(`/proc/${pid}/mem`, "r")
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  const overlap = 64
  const found = new Set<string>()
  for (const [start, end] of await writableRanges(pid)) {
    for (let at = start; at < end; at += block.length - overlap) {
      // Reserved but never touched, or special: nothing to read there.
      const { bytesRead } = await memory.read(block, 0, Math.min(block.length, end - at), at).catch(() => ({ bytesRead: 0 }))
      for (const [name, pattern] of patterns) if (block.subarray(0, bytesRead).includes(Buffer.from(pattern))) found.add(name)
    }
  }
  block.fill(0)
  return [...found]
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

function effectiveCapabilities(): bigint {
  const digits = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1]
  return BigInt(`0x${digits ?? "0"}`)
}
