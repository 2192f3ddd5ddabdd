import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { ok, Secret, type Refusal, type Result } from "@keygrove/base"

/** Writes a file that nobody but its owner may read, whole or not at all: a power cut leaves what was there, or this. The content is borrowed; what fails is refused in the caller's words. */
export function replaceSecretFile<Code extends string>(
  path: string,
  content: Secret | Uint8Array,
  failed: (reason: string) => Refusal<Code>,
): Result<true, Code> {
  const draft = `${path}.new`
  try {
    rmSync(draft, { force: true })
    const write = (bytes: Uint8Array): void => writeFileSync(draft, bytes, { flag: "wx", mode: 0o600, flush: true })
    if (content instanceof Secret) content.expose(write)
    else write(content)
    renameSync(draft, path)
    syncDirectory(dirname(path))
    return ok(true)
  } catch (error) {
    return failed(error instanceof Error && "code" in error ? String(error.code) : "unknown reason")
  }
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
