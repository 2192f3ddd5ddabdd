import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import { link, lstat, open, rename, unlink, type FileHandle } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import type { Readable, Writable } from "node:stream"
import { commandError } from "./errors.ts"
import { errnoOf } from "./passphrase-source.ts"

export interface Input {
  readonly stream: Readable
  /** Size in bytes where it is known beforehand. */
  readonly size: number | undefined
}

/**
 * Opens FILE, or standard input for `-`.
 * @throws CommandError `FILE_UNREADABLE`.
 */
export async function openInput(file: string, stdin: Readable): Promise<Input> {
  if (file === "-") return { stream: stdin, size: undefined }
  const handle = await openForReading(file)
  const facts = await handle.stat()
  if (facts.isDirectory()) {
    await handle.close()
    throw commandError("FILE_UNREADABLE", `${file} is a directory; pack it first, e.g. tar c ${file} | keygrove encrypt - …`)
  }
  return { stream: handle.createReadStream({ highWaterMark: 1024 * 1024 }), size: facts.isFile() ? facts.size : undefined }
}

async function openForReading(file: string): Promise<FileHandle> {
  try {
    return await open(file, "r")
  } catch (cause) {
    throw commandError("FILE_UNREADABLE", `${file} cannot be opened (${errnoOf(cause)}); check the path and its permissions`, { cause })
  }
}

/** A file that appears under its name only when it is complete. Disposed of before {@link OutputFile.commit}, nothing is left. */
export interface OutputFile extends AsyncDisposable {
  readonly stream: Writable
  /** Makes what was written durable and gives it its name; refuses to replace another file. */
  commit(): Promise<void>
}

/**
 * Starts a new file beside where it will appear (mode 0600).
 * @throws CommandError `OUTPUT_EXISTS` or `OUTPUT_UNWRITABLE`.
 */
export async function createOutput(file: string): Promise<OutputFile> {
  if (await exists(file)) throw alreadyThere(file)
  const partial = join(dirname(file), `.${basename(file)}.${randomBytes(4).toString("hex")}.partial`)
  const handle = await createPartial(partial, file)
  const stream = handle.createWriteStream({ highWaterMark: 1024 * 1024, autoClose: false })
  return {
    stream,
    commit: async () => {
      await handle.sync()
      await giveName(partial, file)
    },
    [Symbol.asyncDispose]: async () => {
      if (!stream.writableFinished) stream.destroy()
      await handle.close().catch(ignoring("EBADF"))
      await unlink(partial).catch(ignoring("ENOENT"))
    },
  }
}

async function exists(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    () => false,
  )
}

async function createPartial(partial: string, file: string): Promise<FileHandle> {
  try {
    return await open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  } catch (cause) {
    throw commandError("OUTPUT_UNWRITABLE", `${file} cannot be created (${errnoOf(cause)}); check that its directory exists and may be written to`, { cause })
  }
}

/** File systems without hard links say one of these. */
const NO_LINKS: readonly string[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]

/** A hard link fails where the name is taken, a rename would silently replace it. */
async function giveName(partial: string, file: string): Promise<void> {
  try {
    await link(partial, file)
  } catch (cause) {
    if (errnoOf(cause) === "EEXIST") throw alreadyThere(file)
    if (!NO_LINKS.includes(errnoOf(cause))) throw commandError("OUTPUT_UNWRITABLE", `${file} cannot be created (${errnoOf(cause)}); choose another directory with -o`, { cause })
    if (await exists(file)) throw alreadyThere(file)
    await rename(partial, file)
  }
}

function alreadyThere(file: string): Error {
  return commandError("OUTPUT_EXISTS", `${file} exists already and is never overwritten; choose another name with -o, or remove it first`)
}

function ignoring(code: string): (error: unknown) => void {
  return (error) => {
    if (errnoOf(error) !== code) throw error
  }
}
