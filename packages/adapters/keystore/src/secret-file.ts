import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { ok, Secret, type Refusal, type Result } from "@keygrove/base"

/** Reads a secret from a file of exactly `bytes` bytes that nobody but its owner, who is the user of this process, may read. Belongs to the caller; what is wrong with the file is refused in the caller's words. */
export function readSecretFile<Code extends string>(
  path: string,
  bytes: number,
  invalid: (reason: string) => Refusal<Code>,
): Result<Secret, Code> {
  try {
    const descriptor = openSync(path, "r")
    try {
      const facts = fstatSync(descriptor)
      if (!facts.isFile() || facts.size !== bytes) return invalid(`must be a file of ${bytes} bytes; it has ${facts.size}`)
      if ((facts.mode & 0o077) !== 0) return invalid(`has mode ${(facts.mode & 0o777).toString(8)}; only its owner may read it (chmod 600)`)
      if (process.getuid !== undefined && facts.uid !== process.getuid()) return invalid(`belongs to user ${facts.uid}; it must be yours`)
      return ok(Secret.fill(bytes, (target) => void readSync(descriptor, target, 0, bytes, 0)))
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    return invalid(`cannot be read (${error instanceof Error && "code" in error ? String(error.code) : "unknown reason"}); check the path`)
  }
}
