import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs"
import { dirname, join } from "node:path"
import { KeygroveError, ok, refuse, type Result } from "@keygrove/base"
import type { CallOptions } from "@keygrove/service"
import { fileFailure } from "./file-failure.ts"
import { checkSocketPath, homeOf, type Home } from "./home.ts"

/**
 * Makes a home: all of it beside its final place, which it takes by one rename. A crash before leaves only a `.keygrove-init-…` directory; nothing that exists is ever changed.
 * @param fill writes the files; what it refuses leaves nothing.
 */
export async function makeHome<T>(target: Home, fill: (making: Home) => Promise<Result<T>>, { signal }: CallOptions): Promise<Result<T>> {
  signal.throwIfAborted()
  const free = checkFree(target)
  if (!free.ok) return free
  const making = homeOf(join(dirname(target.directory), `.keygrove-init-${process.pid}-${Date.now().toString(36)}`))
  try {
    mkdirSync(making.directory, { recursive: true, mode: 0o700 })
    const filled = await fill(making)
    if (filled.ok) takePlace(making, target)
    return filled
  } catch (cause) {
    if (signal.aborted || !(cause instanceof Error) || !("syscall" in cause)) throw cause
    const refusal = fileFailure(cause, target.directory)
    if (refusal !== undefined) return refusal
    const code = "code" in cause ? String(cause.code) : "unknown reason"
    throw new KeygroveError("HOME_UNWRITABLE", `${target.directory} cannot be made (${code}); check its parent directory`, { cause })
  } finally {
    rmSync(making.directory, { recursive: true, force: true })
  }
}

/** Writes a new file of a home, which is there after a power cut. */
export function writeDurably(path: string, bytes: Uint8Array): void {
  const descriptor = openSync(path, "wx", 0o600)
  writeSync(descriptor, bytes)
  fsyncSync(descriptor)
  closeSync(descriptor)
}

/** Puts a file of a home in the place of another at once; after a power cut there is one of both. */
export function replaceDurably(path: string, bytes: Uint8Array): void {
  const made = `${path}.new`
  rmSync(made, { force: true })
  writeDurably(made, bytes)
  renameSync(made, path)
  syncDirectory(dirname(path))
}

function checkFree(target: Home): Result<true> {
  const socket = checkSocketPath(target)
  if (!socket.ok) return socket
  if (existsSync(target.directory) && readdirSync(target.directory).length > 0) {
    return refuse("HOME_EXISTS", `${target.directory} is not empty; choose another directory with --home, nothing was changed`)
  }
  return ok(true)
}

/** An empty directory in the way is replaced; a rename onto anything else fails. */
function takePlace(making: Home, target: Home): void {
  renameSync(making.directory, target.directory)
  syncDirectory(dirname(target.directory))
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r")
  fsyncSync(directory)
  closeSync(directory)
}
