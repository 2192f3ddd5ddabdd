import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs"
import { Secret } from "@keygrove/base"

/**
 * Takes a variable out of the environment of this process: its value belongs to the caller. On Linux the value never becomes a string, and is
 * overwritten where the system put it when the process began, which is what /proc/PID/environ shows. `undefined` when there is none, or when it is empty.
 */
export function takeVariable(name: string): Secret | undefined {
  const secret = takeInitial(name) ?? takeText(process.env[name])
  Reflect.deleteProperty(process.env, name)
  return secret
}

/** Takes a variable out of the environment and wipes it. */
export function forgetVariable(name: string): void {
  takeVariable(name)?.[Symbol.dispose]()
}

function takeText(text: string | undefined): Secret | undefined {
  return text === undefined || text === "" ? undefined : Secret.take(Buffer.from(text, "utf8"))
}

/** Takes a variable from where the system put it; `undefined` where that cannot be seen, as elsewhere than on Linux. */
function takeInitial(name: string): Secret | undefined {
  const place = environmentPlace()
  if (place === undefined) return undefined
  const { end, start } = place
  // The size is known, so that nothing in between holds a copy that cannot be wiped.
  const block = Buffer.alloc(end - start)
  try {
    readWhole("/proc/self/environ", block)
    const from = valueStart(block, name)
    if (from === undefined) return undefined
    const value = block.subarray(from, block.indexOf(0, from) < 0 ? block.length : block.indexOf(0, from))
    if (value.length === 0) return undefined
    const secret = Secret.fill(value.length, (target) => target.set(value))
    overwrite(start + from, value.length)
    return secret
  } finally {
    block.fill(0)
  }
}

/** Offset of a variable's value in a block of `NAME=value`, each with a zero byte after it. */
function valueStart(block: Buffer, name: string): number | undefined {
  const prefix = Buffer.from(`${name}=`)
  for (let at = 0; at < block.length;) {
    if (block.subarray(at, at + prefix.length).equals(prefix)) return at + prefix.length
    const next = block.indexOf(0, at)
    if (next < 0) return undefined
    at = next + 1
  }
  return undefined
}

function readWhole(path: string, target: Uint8Array): void {
  const descriptor = openSync(path, "r")
  try {
    let filled = 0
    for (let count = -1; count !== 0 && filled < target.length; filled += count)
      count = readSync(descriptor, target, filled, target.length - filled, null)
  } finally {
    closeSync(descriptor)
  }
}

/** Writes zeros into this process's own memory. */
function overwrite(address: number, length: number): void {
  try {
    const memory = openSync("/proc/self/mem", "r+")
    try {
      writeSync(memory, Buffer.alloc(length), 0, length, address)
    } finally {
      closeSync(memory)
    }
  } catch {
    // A hardened kernel forbids it. The variable is out of the environment all the same, and its memory is for its own user's eyes.
  }
}

/** Addresses of the environment in this process: `env_start` and `env_end`, fields 50 and 51 of /proc/PID/stat (proc_pid_stat(5)). */
function environmentPlace(): { readonly start: number; readonly end: number } | undefined {
  if (process.platform !== "linux") return undefined
  // The second field, a name in brackets, may hold spaces; the third is the first after it.
  const fields = readFileSync("/proc/self/stat", "utf8").split(")").at(-1)?.trim().split(" ") ?? []
  const [start, end] = [Number(fields[47]), Number(fields[48])]
  // Zeros are what a kernel shows that hides addresses.
  return start > 0 && end >= start ? { start, end } : undefined
}
