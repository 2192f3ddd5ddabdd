import { closeSync, openSync, readFileSync, writeSync } from "node:fs"
import { Secret } from "@keygrove/base"

/** Where a variable's value is in this process's memory (Linux). */
interface Place {
  readonly address: number
  readonly length: number
}

/**
 * Takes a variable out of the environment of this process: the value belongs to the caller. On Linux it never becomes a string, and it is
 * overwritten where the system put it at the start, which /proc/PID/environ shows. `undefined` when there is none, or when it is empty.
 */
export function takeVariable(name: string): Secret | undefined {
  const initial = readInitial(name)
  const value = initial?.value ?? (process.env[name] === undefined ? undefined : Buffer.from(process.env[name], "utf8"))
  forget(name, initial?.place)
  return value === undefined || value.length === 0 ? undefined : Secret.take(value)
}

/** Takes a variable out of the environment without looking at it. */
export function forgetVariable(name: string): void {
  const initial = readInitial(name)
  initial?.value.fill(0)
  forget(name, initial?.place)
}

function forget(name: string, place: Place | undefined): void {
  Reflect.deleteProperty(process.env, name)
  if (place === undefined) return
  try {
    const memory = openSync("/proc/self/mem", "r+")
    try {
      writeSync(memory, Buffer.alloc(place.length), 0, place.length, place.address)
    } finally {
      closeSync(memory)
    }
  } catch {
    // A hardened kernel forbids it: the variable is gone from the environment all the same, and the process's memory is its user's own.
  }
}

/** A variable as the system handed it over at the start; `undefined` elsewhere than on Linux. */
function readInitial(name: string): { readonly value: Uint8Array; readonly place: Place } | undefined {
  if (process.platform !== "linux" || !Object.hasOwn(process.env, name)) return undefined
  try {
    const block = readFileSync("/proc/self/environ")
    try {
      const from = valueStart(block, name)
      if (from === undefined) return undefined
      const end = block.indexOf(0, from)
      const value = Uint8Array.from(block.subarray(from, end < 0 ? block.length : end))
      return { value, place: { address: environmentStart() + from, length: value.length } }
    } finally {
      block.fill(0)
    }
  } catch {
    return undefined
  }
}

/** Offset of a variable's value in a block of `NAME=value` that each end in a zero byte. */
function valueStart(block: Buffer, name: string): number | undefined {
  const prefix = Buffer.from(`${name}=`)
  for (let at = 0; at < block.length; at = block.indexOf(0, at) + 1) {
    if (block.subarray(at, at + prefix.length).equals(prefix)) return at + prefix.length
    if (block.indexOf(0, at) < 0) return undefined
  }
  return undefined
}

/** Address of the environment in this process: `env_start`, the 50th field of /proc/PID/stat (proc_pid_stat(5)); the name before the third may hold spaces. */
function environmentStart(): number {
  const fields = readFileSync("/proc/self/stat", "utf8").split(")").at(-1)?.trim().split(" ") ?? []
  return Number(fields[47])
}
