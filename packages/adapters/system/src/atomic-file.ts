import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import { link, open, rename, stat, unlink, type FileHandle } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { errnoOf, systemError, writeError } from "./errno.ts"
import type { FileIdentity } from "./input-file.ts"
import { StagedWriter } from "./staged-writer.ts"

export interface AtomicFileOptions {
  /** Replace a file of that name when complete; otherwise its existence is refused. */
  readonly overwrite?: boolean
  /** The input that this output is made from; the same file is refused. */
  readonly input?: FileIdentity
}

/** A file that gets its name only when it is complete and durable. Disposed of before {@link AtomicFile.commit}, nothing is left of it. */
export interface AtomicFile extends AsyncDisposable {
  /** Appends all of `bytes`, which must not change until the promise settles. One write at a time. */
  write(bytes: Uint8Array): Promise<void>
  /** Flushes the file to the disk, gives it its name, and makes the name durable. */
  commit(): Promise<void>
}

/**
 * Starts a file beside where it will appear, mode 0600. A process killed before the commit leaves at most a `.NAME.….partial` file and never
 * touches what is under the name.
 * @throws KeygroveError `OUTPUT_EXISTS`, `OUTPUT_IS_INPUT`, `OUTPUT_UNWRITABLE`, `DISK_FULL`; so do the methods.
 */
export async function createAtomicFile(path: string, options: AtomicFileOptions = {}): Promise<AtomicFile> {
  await refuseTaken(path, options)
  const partial = join(dirname(path), `.${basename(path).slice(0, 200)}.${randomBytes(6).toString("hex")}.partial`)
  const handle = await createPartial(partial, path)
  const writer = new StagedWriter(handle)
  let named = false
  return {
    write: (bytes) => writer.write(bytes).catch((cause: unknown) => fail(path, cause)),
    commit: async () => {
      // Some file systems report a full disk only at the flush.
      await writer.finish().catch((cause: unknown) => fail(path, cause))
      await giveName(partial, path, options.overwrite === true)
      named = true
      await syncDirectory(dirname(path))
    },
    [Symbol.asyncDispose]: async () => {
      await writer.close()
      await handle.close()
      if (!named) await removeIfThere(partial)
    },
  }
}

async function refuseTaken(path: string, { overwrite, input }: AtomicFileOptions): Promise<void> {
  const facts = await stat(path).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined
    throw writeError(path, error)
  })
  if (facts === undefined) return
  if (input !== undefined && facts.dev === input.device && facts.ino === input.inode) {
    throw systemError("OUTPUT_IS_INPUT", `${path} is the input itself; choose another name for the output`)
  }
  if (facts.isDirectory()) throw systemError("OUTPUT_UNWRITABLE", `${path} is a directory; name a file in it`)
  if (overwrite !== true) throw taken(path)
}

async function createPartial(partial: string, path: string): Promise<FileHandle> {
  try {
    return await open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
  } catch (cause) {
    throw writeError(path, cause)
  }
}

function fail(path: string, cause: unknown): never {
  throw writeError(path, cause)
}

/** File systems without hard links answer with one of these. */
const NO_LINKS: readonly string[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]

/** A hard link fails when the name was taken meanwhile; a rename would silently replace it. */
async function giveName(partial: string, path: string, overwrite: boolean): Promise<void> {
  try {
    if (overwrite) return await rename(partial, path)
    await link(partial, path)
  } catch (cause) {
    if (errnoOf(cause) === "EEXIST") throw taken(path)
    if (overwrite || !NO_LINKS.includes(errnoOf(cause))) throw writeError(path, cause)
    await refuseTaken(path, {})
    return await rename(partial, path)
  }
  await removeIfThere(partial)
}

/** A new name survives a power cut only once its directory is flushed. Windows cannot open directories and needs no flush. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return
  await using handle = await open(directory, constants.O_RDONLY)
  await handle.sync().catch((error: unknown) => {
    // Network file systems refuse to flush directories.
    if (errnoOf(error) !== "EINVAL" && errnoOf(error) !== "ENOTSUP") throw writeError(directory, error)
  })
}

async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (errnoOf(error) !== "ENOENT") throw writeError(path, error)
  })
}

function taken(path: string): Error {
  return systemError("OUTPUT_EXISTS", `${path} exists already; choose another name, or remove it first`)
}
