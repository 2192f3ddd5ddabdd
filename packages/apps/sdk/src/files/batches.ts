import type { ByteSource } from "./byte-source.ts"
import type { ChunkPool } from "./chunk-pool.ts"
import type { ChunkThreadAnswer } from "./chunk-worker.ts"

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
  /** Chunks done so far. */
  readonly done: () => number
  /** Writes what becomes of the chunk to the start of `target`; returns its length. Throws to end the stream. */
  run(chunk: Uint8Array, target: Uint8Array, last: boolean): number
  /** Passes over full chunks that threads have done. */
  skip(chunks: number): void
  /** Threads for a long stream; nothing when its suite has none. */
  readonly openPool: (() => ChunkPool) | undefined
}

export interface BatchOptions {
  readonly signal: AbortSignal
  /** Whether a yielded block may be overwritten two blocks later, which saves its allocation. */
  readonly reuse: boolean
}

/** Chunks between two turns of the event loop: 2 MiB, about 1 ms of work. Fewer wake the reading and writing threads too often, more leave the cache. */
const CHUNKS_PER_BATCH = 32
/** Batches after which threads are started: 64 MiB, below which they cost more time than they save. */
const BATCHES_BEFORE_POOL = 32

/** A batch as it was read, of which nothing is done yet. */
interface ReadBatch {
  readonly input: Block
  readonly length: number
}

type Block = Uint8Array<ArrayBuffer>
type Blocks = AsyncGenerator<Uint8Array, void, undefined>

/**
 * Puts a source through chunk by chunk and yields the results batch by batch. The next batch is being read while one is worked on; with the consumer
 * writing the one before, disk and processor are busy at the same time. A long stream goes through several threads. A few buffers each way, whatever the length.
 */
export async function* batches(source: ByteSource, work: ChunkWork, options: BatchOptions): Blocks {
  const rest = yield* oneByOne(source, work, options)
  if (rest !== undefined && work.openPool !== undefined) yield* severalAtOnce(source, work, rest, { ...options, open: work.openPool })
}

/** Works here, until the end, or until the stream has proved long; then the batch that comes next is returned. */
async function* oneByOne(
  source: ByteSource,
  work: ChunkWork,
  { signal, reuse }: BatchOptions,
): AsyncGenerator<Uint8Array, ReadBatch | undefined, undefined> {
  const newOutput = (): Block => new Uint8Array(CHUNKS_PER_BATCH * work.outputBytes)
  const outputs: Pair = reuse ? [newOutput(), newOutput()] : [new Uint8Array(0), new Uint8Array(0)]
  let [input, nextInput] = [newInput(work), newInput(work)]
  let [output, otherOutput] = outputs
  let length = await source.read(input)
  for (let count = 0; ; count++) {
    signal.throwIfAborted()
    if (count === BATCHES_BEFORE_POOL && work.openPool !== undefined) return { input, length }
    if (!reuse) output = newOutput()
    const nextRead = length < input.length ? Promise.resolve(0) : source.read(nextInput)
    // Work below may throw first; the read must not then fail unheard.
    nextRead.catch(() => undefined)
    const lastStart = Math.max(0, Math.ceil(length / work.inputBytes) - 1) * work.inputBytes
    let written = runChunks(work, input.subarray(0, lastStart), output)
    const nextLength = await nextRead
    const ended = nextLength === 0
    written += work.run(input.subarray(lastStart, length), output.subarray(written), ended)
    yield output.subarray(0, written)
    if (ended) return undefined
    ;[input, nextInput] = [nextInput, input]
    ;[output, otherOutput] = [otherOutput, output]
    length = nextLength
  }
}

/** Works in threads, and on the last batch here. */
async function* severalAtOnce(
  source: ByteSource,
  work: ChunkWork,
  first: ReadBatch,
  { open, reuse, signal }: BatchOptions & { readonly open: () => ChunkPool },
): Blocks {
  await using pool = open()
  const buffers = new BatchBuffers(work, reuse)
  const underWay: Promise<ChunkThreadAnswer>[] = []
  let given = work.done()
  let { input, length } = first
  for (;;) {
    signal.throwIfAborted()
    const nextInput = buffers.input()
    const nextLength = length < input.length ? 0 : await source.read(nextInput)
    // Only a batch with another one after it is known not to hold the last chunk.
    if (nextLength === 0) break
    const job = pool.run({ firstChunk: given, input, length, output: buffers.output() })
    // An earlier batch may end the stream; this one must not then fail unheard.
    job.catch(() => undefined)
    underWay.push(job)
    given += CHUNKS_PER_BATCH
    const oldest = underWay.length > pool.width ? underWay.shift() : undefined
    if (oldest !== undefined) yield settled(work, buffers, await oldest)
    ;[input, length] = [nextInput, nextLength]
  }
  for (const each of underWay) yield settled(work, buffers, await each)
  const output = buffers.output()
  const lastStart = Math.max(0, Math.ceil(length / work.inputBytes) - 1) * work.inputBytes
  const written = runChunks(work, input.subarray(0, lastStart), output)
  yield output.subarray(0, written + work.run(input.subarray(lastStart, length), output.subarray(written), true))
}

/** The block of a thread's answer. Of a batch that does not hold, the work itself says what is wrong, as it would have without threads. */
function settled(work: ChunkWork, buffers: BatchBuffers, { input, output, written }: ChunkThreadAnswer): Uint8Array {
  if (written < 0) {
    runChunks(work, input, output)
    throw new TypeError("a thread refused a batch that holds")
  }
  work.skip(CHUNKS_PER_BATCH)
  buffers.giveBack(input, output)
  return output.subarray(0, written)
}

/** Does full chunks of which none is the last; returns the bytes written. */
function runChunks(work: ChunkWork, input: Uint8Array, output: Uint8Array): number {
  let written = 0
  for (let start = 0; start < input.length; start += work.inputBytes) {
    written += work.run(input.subarray(start, start + work.inputBytes), output.subarray(written), false)
  }
  return written
}

/** Buffers that go round between reading, the threads and the consumer. */
class BatchBuffers {
  readonly #work: ChunkWork
  readonly #reuse: boolean
  readonly #inputs: Block[] = []
  readonly #outputs: Block[] = []
  /** Yielded, and maybe still being written. */
  readonly #lent: Block[] = []

  constructor(work: ChunkWork, reuse: boolean) {
    this.#work = work
    this.#reuse = reuse
  }

  input(): Block {
    return this.#inputs.pop() ?? newInput(this.#work)
  }

  output(): Block {
    return this.#outputs.pop() ?? new Uint8Array(CHUNKS_PER_BATCH * this.#work.outputBytes)
  }

  /** Takes back the buffers of a batch whose result is about to be yielded; the result itself only two blocks later. */
  giveBack(input: Block, output: Block): void {
    this.#inputs.push(input)
    if (!this.#reuse) return
    this.#lent.push(output)
    const free = this.#lent.length > 2 ? this.#lent.shift() : undefined
    if (free !== undefined) this.#outputs.push(free)
  }
}

function newInput({ inputBytes }: ChunkWork): Block {
  return new Uint8Array(CHUNKS_PER_BATCH * inputBytes)
}

type Pair = [Block, Block]

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
