import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import { ok, refuse, Secret, type Refusal, type Result } from "@keygrove/base"
import { MAX_KEY_MATERIAL_BYTES } from "./parse-key-material.ts"

type FileRefusal = Refusal<"KEY_MATERIAL_UNREADABLE">

/**
 * Reads a file that holds a key, straight into locked memory: a regular file of this process's user that nobody else can read (mode 0600 or
 * stricter), of 1 to 16384 bytes. The result belongs to the caller. Symbolic links are followed; what they lead to is judged.
 */
export function readKeyFile(path: string): Result<Secret, "KEY_MATERIAL_UNREADABLE"> {
  try {
    // Not blocking, so that opening a pipe does not wait for its writer.
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const size = judge(path, descriptor)
      return typeof size === "number" ? readWhole(path, descriptor, size) : size
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
    return unreadable(path, `cannot be read (${reason}); check the path`)
  }
}

/** The size of a file that may be used. */
function judge(path: string, descriptor: number): number | FileRefusal {
  const facts = fstatSync(descriptor)
  const { mode, size, uid } = facts
  if (!facts.isFile()) return unreadable(path, "is no regular file; write the key to one")
  const user = process.getuid?.()
  if (user !== undefined && uid !== user) return unreadable(path, `belongs to user ${uid}; it must belong to user ${user}`)
  if ((mode & 0o077) !== 0) return unreadable(path, `has mode ${(mode & 0o777).toString(8)}; only its owner may read it (chmod 600)`)
  if (size === 0) return unreadable(path, "is empty; write the key to it")
  if (size > MAX_KEY_MATERIAL_BYTES) return unreadable(path, `has ${size} bytes; at most ${MAX_KEY_MATERIAL_BYTES} are accepted`)
  return size
}

function readWhole(path: string, descriptor: number, size: number): Result<Secret, "KEY_MATERIAL_UNREADABLE"> {
  let filled = 0
  const secret = Secret.fill(size, (target) => {
    for (let count = -1; count !== 0 && filled < size; filled += count) count = readSync(descriptor, target, filled, size - filled, filled)
  })
  if (filled === size) return ok(secret)
  secret[Symbol.dispose]()
  return unreadable(path, `ended after ${filled} of its ${size} bytes; something else writes to it, try again`)
}

function unreadable(path: string, reason: string): FileRefusal {
  return refuse("KEY_MATERIAL_UNREADABLE", `the key file ${path} ${reason}`)
}
