import { readFileSync } from "node:fs"
import { open, readFile } from "node:fs/promises"

const BLOCK_BYTES = 4 * 1024 * 1024
/** Of what lies at the border of two blocks: the longest pattern. */
const OVERLAP = 64
/** Most of what a process has reserved is empty: 99 % of the pages of a fresh Node. */
const EMPTY_PAGE = Buffer.alloc(4096)
/** Bit of `CAP_SYS_PTRACE` (capabilities(7)). */
const SYS_PTRACE = 19n

/** Whether this process may read the memory of any other, also of a keystore that has closed itself to its user: root's capability, which a container may lack. */
export const canReadMemory: boolean = process.platform === "linux" && ((effectiveCapabilities() >> SYS_PTRACE) & 1n) === 1n

/** Which of the named patterns (at most 64 bytes each) occur in the writable memory of a process. Needs {@link canReadMemory}. */
export async function findInProcess(pid: number, patterns: ReadonlyMap<string, Uint8Array>): Promise<readonly string[]> {
  await using memory = await open(`/proc/${pid}/mem`, "r")
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  const found = new Set<string>()
  const matchesIn = searchFor(patterns)
  for (const [start, end] of await writableRanges(pid)) {
    for (let at = start; at < end; at += block.length - OVERLAP) {
      // Reserved but never touched, or special: nothing to read there.
      const { bytesRead } = await memory.read(block, 0, Math.min(block.length, end - at), at).catch(() => ({ bytesRead: 0 }))
      for (const run of writtenRuns(block.subarray(0, bytesRead))) for (const name of matchesIn(run)) found.add(name)
    }
  }
  block.fill(0)
  return [...found]
}

/** The parts of a block that are not all zero, by pages, with what a pattern across their borders takes. */
function* writtenRuns(block: Buffer): Generator<Uint8Array> {
  let start: number | undefined
  for (let at = 0; at < block.length; at += EMPTY_PAGE.length) {
    const page = block.subarray(at, at + EMPTY_PAGE.length)
    const isEmpty = page.equals(EMPTY_PAGE.subarray(0, page.length))
    if (!isEmpty) start ??= Math.max(0, at - OVERLAP)
    else if (start !== undefined) {
      yield bytesOf(block, start, at + OVERLAP)
      start = undefined
    }
  }
  if (start !== undefined) yield bytesOf(block, start, block.length)
}

/** Plain bytes, whose elements are read faster than a Buffer's. */
function bytesOf(block: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(block.buffer, block.byteOffset + start, Math.min(end, block.length) - start)
}

/** Where a pattern is told from others: its first bytes may be what many have in common. */
const PROBE = 4

/** Fewer are found faster one after the other, by the system's own search. */
const MANY = 64

type Search = (block: Uint8Array) => ReadonlySet<string>

function searchFor(patterns: ReadonlyMap<string, Uint8Array>): Search {
  if (patterns.size >= MANY) return searchForMany(patterns)
  const wanted = [...patterns].map(([name, pattern]) => [name, Buffer.from(pattern)] as const)
  return (block) => {
    const whole = Buffer.from(block.buffer, block.byteOffset, block.length)
    return new Set(wanted.flatMap(([name, pattern]) => (whole.includes(pattern) ? [name] : [])))
  }
}

/** In one pass, for patterns of at least 8 bytes: by two bytes of each, which most places do not have, then by four, then by all. */
function searchForMany(patterns: ReadonlyMap<string, Uint8Array>): Search {
  const probes = new Map<number, [string, Buffer][]>()
  const isProbe = new Uint8Array(65_536)
  for (const [name, pattern] of patterns) {
    const bytes = Buffer.from(pattern)
    const probe = bytes.readUInt32BE(PROBE)
    probes.set(probe, [...(probes.get(probe) ?? []), [name, bytes]])
    isProbe[probe >>> 16] = 1
  }
  return (block) => {
    const matches = new Set<string>()
    const whole = Buffer.from(block.buffer, block.byteOffset, block.length)
    let pair = 0
    for (let at = 0; at < block.length; at++) {
      pair = ((pair & 0xff) << 8) | (block[at] ?? 0)
      if (isProbe[pair] !== 1 || at < PROBE + 1 || at + 3 > block.length) continue
      const start = at - 1 - PROBE
      for (const [name, pattern] of probes.get(whole.readUInt32BE(at - 1)) ?? [])
        if (whole.subarray(start, start + pattern.length).equals(pattern)) matches.add(name)
    }
    return matches
  }
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
