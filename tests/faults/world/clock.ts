import { closeSync, openSync, readdirSync, readFileSync, readSync, writeSync } from "node:fs"
import { endianness } from "node:os"
import { setTimeout as delay } from "node:timers/promises"

/**
 * Moves the wall clock of single processes. Both Node and Go read it past libc and the kernel, by functions of the vDSO that the kernel maps into every process;
 * a library that is loaded before libc sees nothing of it. So these functions are written over, in the memory of that process alone, with ones that make the
 * system call and add an offset. The monotonic clock stays as it is, as it does when a machine's clock is set.
 */
const LONGEST_LOOK = 200
const LOOK_MS = 5

/** Machine code of x86-64 before and after the offset, a signed number of seconds in four bytes. */
interface Stub {
  readonly before: string
  readonly after: string
}

const stubs: Readonly<Record<string, Stub>> = {
  // mov eax, SYS_clock_gettime; syscall; test edi, edi; jne +7; add qword [rsi], OFFSET; ret: only clock 0, CLOCK_REALTIME.
  __vdso_clock_gettime: { before: "b8e40000000f0585ff7507488106", after: "c3" },
  // mov eax, SYS_gettimeofday; syscall; test rdi, rdi; je +7; add qword [rdi], OFFSET; ret
  __vdso_gettimeofday: { before: "b8600000000f054885ff7407488107", after: "c3" },
}

/** Why clocks cannot be moved on this machine; `undefined` where they can. */
export function clockObstacle(): string | undefined {
  return process.arch === "x64" && endianness() === "LE" ? undefined : `clocks are moved on x86-64 only, this is ${process.arch}`
}

/** Sets the wall clock of running processes off by some seconds; 0 puts it right again. One that has ended meanwhile is left alone. */
export async function skewClocks(pids: readonly number[], seconds: number): Promise<void> {
  for (const pid of pids) {
    try {
      await skewClock(pid, seconds)
    } catch (error) {
      if (isAlive(pid)) throw error
    }
  }
}

async function skewClock(pid: number, seconds: number): Promise<void> {
  const area = mappingOf(pid)
  const memory = openSync(`/proc/${pid}/mem`, "r+")
  try {
    const image = Buffer.alloc(area.end - area.start)
    readSync(memory, image, 0, image.length, area.start)
    const functions = functionsOf(image)
    for (let look = 0; ; look++) {
      process.kill(pid, "SIGSTOP")
      try {
        const places = await placesOfThreads(pid)
        const isFree = places.every((place) => place < area.start || place >= area.end)
        // A thread in the middle of such a function would go on in the middle of another one.
        if (isFree) return functions.forEach(({ at, name, size }) => overwrite(memory, { at: area.start + at, name, size }, seconds))
      } finally {
        process.kill(pid, "SIGCONT")
      }
      if (look === LONGEST_LOOK) throw new Error(`process ${pid} never left its clock alone`)
      await delay(LOOK_MS)
    }
  } finally {
    closeSync(memory)
  }
}

interface VdsoFunction {
  readonly name: string
  /** Offset from the beginning of the vDSO. */
  readonly at: number
  readonly size: number
}

function overwrite(memory: number, { at, name, size }: VdsoFunction, seconds: number): void {
  const { after = "", before = "" } = stubs[name] ?? {}
  const offset = Buffer.alloc(4)
  offset.writeInt32LE(seconds)
  const code = Buffer.concat([Buffer.from(before, "hex"), offset, Buffer.from(after, "hex")])
  if (code.length > size) throw new Error(`${name} of this kernel has ${size} bytes, ${code.length} are needed to move a clock`)
  writeSync(memory, code, 0, code.length, at)
}

function mappingOf(pid: number): { readonly start: number; readonly end: number } {
  const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) .*\[vdso\]$/m.exec(readFileSync(`/proc/${pid}/maps`, "utf8")) ?? []
  if (start === undefined || end === undefined) throw new Error(`process ${pid} has no vDSO`)
  return { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) }
}

/** Where each thread of a stopped process is; waits until all have stopped. The last field of /proc/PID/task/TID/syscall is the program counter. */
async function placesOfThreads(pid: number): Promise<readonly number[]> {
  for (let look = 0; look < LONGEST_LOOK; look++) {
    const lines = readdirSync(`/proc/${pid}/task`).map((thread) => readFileSync(`/proc/${pid}/task/${thread}/syscall`, "utf8").trim())
    if (lines.every((line) => line !== "running")) return lines.map((line) => Number(line.split(" ").at(-1)))
    await delay(LOOK_MS)
  }
  throw new Error(`the threads of process ${pid} did not stop`)
}

/** The functions that are written over, from the dynamic symbols of the image (ELF-64, System V gABI chapters 4 and 5). */
function functionsOf(image: Buffer): readonly VdsoFunction[] {
  const [sections, size, count] = [Number(image.readBigUInt64LE(40)), image.readUInt16LE(58), image.readUInt16LE(60)]
  const headers = Array.from({ length: count }, (_, index) => image.subarray(sections + index * size))
  const symbols = headers.find((header) => header.readUInt32LE(4) === 11)
  const names = symbols === undefined ? undefined : headers[symbols.readUInt32LE(40)]
  if (symbols === undefined || names === undefined) throw new Error("the vDSO of this kernel names no functions")
  const [table, bytes] = [Number(symbols.readBigUInt64LE(24)), Number(symbols.readBigUInt64LE(32))]
  const found = Array.from({ length: bytes / 24 }, (_, index) => {
    const symbol = image.subarray(table + index * 24)
    const name = Number(names.readBigUInt64LE(24)) + symbol.readUInt32LE(0)
    return {
      name: image.toString("latin1", name, image.indexOf(0, name)),
      at: Number(symbol.readBigUInt64LE(8)),
      size: Number(symbol.readBigUInt64LE(16)),
    }
  }).filter(({ name }) => name in stubs)
  if (found.length !== Object.keys(stubs).length) throw new Error("the vDSO of this kernel has other clocks than those that can be moved")
  return found
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}
