import { open, type FileHandle } from "node:fs/promises"
import { readError, systemError } from "./errno.ts"

/** Which file it is, whatever names lead to it. */
export interface FileIdentity {
  readonly device: number
  readonly inode: number
}

/** A file open for reading from its start. */
export interface InputFile extends AsyncDisposable {
  readonly identity: FileIdentity
  /** Size in bytes when it was opened; `undefined` for pipes and devices. */
  readonly size: number | undefined
  /** Fills `target` as far as the file goes; fewer bytes only at its end. */
  read(target: Uint8Array): Promise<number>
}

/**
 * Opens a file.
 * @throws KeygroveError `FILE_UNREADABLE`; so does a later read that fails.
 */
export async function openInputFile(path: string): Promise<InputFile> {
  const handle = await openForReading(path)
  try {
    const facts = await handle.stat()
    if (facts.isDirectory()) throw systemError("FILE_UNREADABLE", `${path} is a directory; pack it first, e.g. with tar`)
    return {
      identity: { device: facts.dev, inode: facts.ino },
      size: facts.isFile() ? facts.size : undefined,
      read: (target) => readFully(handle, path, target),
      [Symbol.asyncDispose]: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r")
  } catch (cause) {
    throw readError(path, cause)
  }
}

async function readFully(handle: FileHandle, path: string, target: Uint8Array): Promise<number> {
  let filled = 0
  try {
    while (filled < target.length) {
      const { bytesRead } = await handle.read(target, filled, target.length - filled, null)
      if (bytesRead === 0) break
      filled += bytesRead
    }
  } catch (cause) {
    throw readError(path, cause)
  }
  return filled
}
