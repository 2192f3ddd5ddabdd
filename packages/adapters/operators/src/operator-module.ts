import { createHash } from "node:crypto"
import { open } from "node:fs/promises"
import { ok, refuse, type Result } from "@keygrove/base"
import type { OperatorModuleRefusal } from "@keygrove/service"

/** The code of an operator. */
export interface OperatorModule {
  readonly source: string
  /** SHA-256 of its bytes, 64 hex digits. */
  readonly sha256: string
}

const MAX_MODULE_BYTES = 1_048_576
/** `import(` and `import.`, whatever white space and comments are in between. */
const DYNAMIC_IMPORT = /\bimport(?:\s|\/\*[^]*?\*\/|\/\/[^\n\r\u2028\u2029]*)*[(.]/

/**
 * Reads a module and checks what its text alone tells. Dynamic imports are refused wherever they stand, also in comments: what the engine would answer to
 * one is an object of another realm.
 */
export async function readOperatorModule(path: string): Promise<Result<OperatorModule, OperatorModuleRefusal>> {
  const bytes = await readAtMost(path, MAX_MODULE_BYTES + 1)
  if (typeof bytes === "string") return refuse("OPERATOR_MODULE_UNREADABLE", `the module ${path} cannot be read (${bytes}); check its path`)
  if (bytes.length > MAX_MODULE_BYTES)
    return refuse("OPERATOR_MODULE_UNREADABLE", `the module ${path} has more than ${MAX_MODULE_BYTES} bytes; make it smaller`)
  const source = decode(bytes)
  if (source === undefined) return refuse("OPERATOR_MODULE_INVALID", `the module ${path} is not text in UTF-8`)
  if (DYNAMIC_IMPORT.test(source))
    return refuse("OPERATOR_MODULE_INVALID", `the module ${path} has import( or import. in it; bundle what it needs into one file`)
  return ok({ source, sha256: createHash("sha256").update(bytes).digest("hex") })
}

/** The first bytes of a file; the system's code when it cannot be read. */
async function readAtMost(path: string, length: number): Promise<Uint8Array | string> {
  try {
    await using file = await open(path)
    const buffer = Buffer.alloc(length)
    let filled = 0
    for (let count = -1; count !== 0 && filled < length; filled += count)
      count = (await file.read(buffer, filled, length - filled)).bytesRead
    return buffer.subarray(0, filled)
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : "unknown"
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
