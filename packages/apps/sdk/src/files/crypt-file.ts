import type { Readable, Writable } from "node:stream"
import { KeygroveError } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { createAtomicFile, openInputFile, type FileIdentity } from "@keygrove/system"
import { writeAll, type ByteSink } from "./batches.ts"
import { IterableSource, type ByteSource } from "./byte-source.ts"
import { decryptSource, type DecryptOptions } from "./decrypt-stream.ts"
import { encryptSource, type EncryptOptions } from "./encrypt-stream.ts"
import type { FileTools } from "./file-tools.ts"
import { readHeaderFrom, type ReadHeader } from "./read-header.ts"
import { wholeSource } from "./whole-source.ts"

/** Where bytes come from and go to: a path, or a stream such as `process.stdin`. */
export interface FileEnds {
  readonly input: string | Readable
  readonly output: string | Writable
  /** Replace an existing output once the new one is complete; otherwise `OUTPUT_EXISTS`. */
  readonly overwrite?: boolean
}

/**
 * Encrypts a file or stream. A path as output gets its name only when the file is complete and on the disk; before that, and on any failure,
 * whatever was there stays.
 * @throws KeygroveError `FILE_UNREADABLE`, `FILE_CHANGED`, `OUTPUT_EXISTS`, `OUTPUT_IS_INPUT`, `OUTPUT_UNWRITABLE`, `OUTPUT_CLOSED`, `DISK_FULL`, `POINT_INVALID`.
 */
export async function encryptFile(tools: FileTools, ends: FileEnds, options: EncryptOptions): Promise<void> {
  options.signal.throwIfAborted()
  await using input = await openSource(ends.input, options.signal)
  const counted = wholeSource(input, typeof ends.input === "string" ? ends.input : "the input")
  await deliver(encryptSource(tools, counted, { ...options, reuse: true }), ends, { signal: options.signal, input: input.identity })
}

/**
 * Decrypts a file or stream. A path as output gets its name only when the last chunk held. A stream as output receives chunks as each is
 * authenticated; if this rejects, what it received is incomplete and must be thrown away.
 * @throws KeygroveError those of `decryptStream` and {@link encryptFile}.
 */
export async function decryptFile(primitives: Primitives, ends: FileEnds, options: DecryptOptions): Promise<void> {
  options.signal.throwIfAborted()
  await using input = await openSource(ends.input, options.signal)
  await deliver(decryptSource(primitives, input, { ...options, reuse: true }), ends, { signal: options.signal, input: input.identity })
}

/** Reads the header of a file or stream. */
export async function inspectFile(
  primitives: Pick<Primitives, "sha256">,
  input: string | Readable,
  { signal }: { readonly signal: AbortSignal },
): Promise<ReadHeader> {
  signal.throwIfAborted()
  await using source = await openSource(input, signal)
  return await readHeaderFrom(primitives, source)
}

interface OpenSource extends ByteSource, AsyncDisposable {
  readonly identity?: FileIdentity
  readonly size?: number | undefined
}

async function openSource(input: string | Readable, signal: AbortSignal): Promise<OpenSource> {
  return typeof input === "string" ? await openInputFile(input) : new IterableSource(input, signal)
}

interface DeliveryOptions {
  readonly signal: AbortSignal
  readonly input: FileIdentity | undefined
}

async function deliver(blocks: AsyncGenerator<Uint8Array>, ends: FileEnds, { signal, input }: DeliveryOptions): Promise<void> {
  if (typeof ends.output !== "string") {
    using sink = writableSink(ends.output, signal)
    return await writeAll(blocks, sink)
  }
  await using file = await createAtomicFile(ends.output, {
    overwrite: ends.overwrite === true,
    ...(input === undefined ? {} : { input }),
  })
  await writeAll(blocks, file)
  signal.throwIfAborted()
  await file.commit()
}

/** Writes to a stream at its reader's pace; a block is free again once the stream has passed it on. */
function writableSink(stream: Writable, signal: AbortSignal): ByteSink & Disposable {
  // A failed stream calls the write back first and emits its error later; without a listener that would end the process.
  const ignore = (): void => undefined
  stream.on("error", ignore)
  return {
    write: (bytes) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const abort = (): void => reject(signal.reason)
      if (signal.aborted) abort()
      signal.addEventListener("abort", abort, { once: true })
      stream.write(bytes, (error) => (error === null || error === undefined ? resolve() : reject(closed(error))))
      return promise.finally(() => signal.removeEventListener("abort", abort))
    },
    [Symbol.dispose]: () => {
      // A failed stream has no further use and keeps the listener for the error it may still emit.
      if (stream.writable) stream.off("error", ignore)
    },
  }
}

function closed(cause: Error): KeygroveError {
  const errno = "code" in cause && typeof cause.code === "string" ? cause.code : "UNKNOWN"
  if (errno === "ENOSPC" || errno === "EDQUOT")
    return new KeygroveError("DISK_FULL", `the output cannot be written: no space left (${errno}); free some space and run it again`, {
      cause,
    })
  return new KeygroveError("OUTPUT_CLOSED", `the output was closed before its end (${errno}); check the command it is piped into`, {
    cause,
  })
}
