import type { ByteSource } from "./byte-source.ts"

/** Called after every batch with the plaintext bytes done so far. */
export interface FileProgress {
  readonly bytes: number
}

/** How one direction of the stream treats its chunks. */
export interface ChunkWork {
  /** Bytes of a full chunk as read. */
  readonly inputBytes: number
  /** Bytes of a full chunk as written. */
  readonly outputBytes: number
  /** Writes what becomes of the chunk to the start of `target`; returns its length. Throws to end the stream. */
  run(chunk: Uint8Array, target: Uint8Array, last: boolean): number
}

export interface BatchOptions {
  readonly signal: AbortSignal
  /** Whether a yielded block may be overwritten two blocks later, which saves its allocation. */
  readonly reuse: boolean
}

/** Chunks between two turns of the event loop: 2 MiB, about 1 ms of work. Fewer wake the reading and writing threads too often, more leave the cache. */
const CHUNKS_PER_BATCH = 32

/**
 * Puts a source through chunk by chunk and yields the results batch by batch. The next batch is being read while one is worked on;
 * with the consumer writing the one before, disk and processor are busy at the same time. Two buffers each way, whatever the length of the source.
 */
export async function* batches(
  source: ByteSource,
  work: ChunkWork,
  { signal, reuse }: BatchOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const inputs: Pair = [new Uint8Array(CHUNKS_PER_BATCH * work.inputBytes), new Uint8Array(CHUNKS_PER_BATCH * work.inputBytes)]
  const newOutput = (): Uint8Array => new Uint8Array(CHUNKS_PER_BATCH * work.outputBytes)
  const outputs: Pair = reuse ? [newOutput(), newOutput()] : [new Uint8Array(0), new Uint8Array(0)]
  let [input, nextInput] = inputs
  let [output, otherOutput] = outputs
  let length = await source.read(input)
  for (let ended = false; !ended;) {
    signal.throwIfAborted()
    if (!reuse) output = newOutput()
    const nextRead = length < input.length ? Promise.resolve(0) : source.read(nextInput)
    // Work below may throw first; the read must not then fail unheard.
    nextRead.catch(() => undefined)
    const lastStart = Math.max(0, Math.ceil(length / work.inputBytes) - 1) * work.inputBytes
    let written = 0
    for (let start = 0; start < lastStart; start += work.inputBytes) {
      written += work.run(input.subarray(start, start + work.inputBytes), output.subarray(written), false)
    }
    const nextLength = await nextRead
    ended = nextLength === 0
    written += work.run(input.subarray(lastStart, length), output.subarray(written), ended)
    yield output.subarray(0, written)
    ;[input, nextInput] = [nextInput, input]
    ;[output, otherOutput] = [otherOutput, output]
    length = nextLength
  }
}

type Pair = [Uint8Array, Uint8Array]

/** Takes bytes in order. */
export interface ByteSink {
  /** Resolves when `bytes` may be overwritten. */
  write(bytes: Uint8Array): Promise<void>
}

/** Writes every block while the next is being made. A block is overwritten only after its write settled. */
export async function writeAll(blocks: AsyncIterable<Uint8Array>, sink: ByteSink): Promise<void> {
  let writing: Promise<void> = Promise.resolve()
  try {
    for await (const block of blocks) {
      await writing
      writing = sink.write(block)
      // Heard at the next await; until then Node must not see it as unhandled.
      writing.catch(() => undefined)
    }
  } finally {
    // Whatever ended the loop, nobody may close the sink or reuse the block under a write.
    await writing.catch(() => undefined)
  }
  await writing
}
