import type { ByteSource } from "./byte-source.ts"
import type { BatchBytes, ChunkPool, NumberedSlot } from "./chunk-pool.ts"
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
  advance(chunks: number): void
  /** Threads for a long stream; nothing when its suite has none. */
  readonly openPool: OpenPool | undefined
}

/** Starts threads for batches of these lengths. */
export type OpenPool = (batch: BatchBytes) => ChunkPool

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
  { open, reuse, signal }: BatchOptions & { readonly open: OpenPool },
): Blocks {
  await using pool = open({ inputBytes: CHUNKS_PER_BATCH * work.inputBytes, outputBytes: CHUNKS_PER_BATCH * work.outputBytes })
  const slots = new SlotRound(pool.slots)
  const underWay: { readonly slot: NumberedSlot; readonly length: number; readonly answer: Promise<ChunkThreadAnswer> }[] = []
  const settle = async (): Promise<Uint8Array> => {
    const oldest = underWay.shift()
    if (oldest === undefined) throw new TypeError("nothing is under way")
    const block = settled(work, oldest, await oldest.answer)
    slots.lend(oldest.slot)
    return reuse ? block : block.slice()
  }
  let given = work.done()
  let slot = slots.take()
  let { length } = first
  slot.input.set(first.input)
  for (;;) {
    signal.throwIfAborted()
    const nextSlot = slots.take()
    const nextLength = length < slot.input.length ? 0 : await source.read(nextSlot.input)
    // Only a batch with another one after it is known not to hold the last chunk.
    if (nextLength === 0) break
    const answer = pool.run({ slot: slot.number, firstChunk: given, length })
    // An earlier batch may end the stream; this one must not then fail unheard.
    answer.catch(() => undefined)
    underWay.push({ slot, length, answer })
    given += CHUNKS_PER_BATCH
    if (underWay.length > pool.width) yield await settle()
    ;[slot, length] = [nextSlot, nextLength]
  }
  while (underWay.length > 0) yield await settle()
  const lastStart = Math.max(0, Math.ceil(length / work.inputBytes) - 1) * work.inputBytes
  const written = runChunks(work, slot.input.subarray(0, lastStart), slot.output)
  const block = slot.output.subarray(0, written + work.run(slot.input.subarray(lastStart, length), slot.output.subarray(written), true))
  yield reuse ? block : block.slice()
}

/** The block of a thread's answer. Of a batch that does not hold, the work itself says what is wrong, as it would have without threads. */
function settled(work: ChunkWork, { length, slot }: { readonly slot: NumberedSlot; readonly length: number }, written: number): Uint8Array {
  if (written < 0) {
    runChunks(work, slot.input.subarray(0, length), slot.output)
    throw new TypeError("a thread refused a batch that holds")
  }
  work.advance(CHUNKS_PER_BATCH)
  return slot.output.subarray(0, written)
}

/** Slots that go round between reading, the threads and the consumer. */
class SlotRound {
  readonly #free: NumberedSlot[]
  /** Yielded, and maybe still being written. */
  readonly #lent: NumberedSlot[] = []

  constructor(slots: readonly NumberedSlot[]) {
    this.#free = [...slots]
  }

  take(): NumberedSlot {
    const slot = this.#free.pop()
    if (slot === undefined) throw new TypeError("more slots are in use than there are")
    return slot
  }

  /** Of a slot whose block is about to be yielded; it is free two blocks later. */
  lend(slot: NumberedSlot): void {
    this.#lent.push(slot)
    const free = this.#lent.length > 2 ? this.#lent.shift() : undefined
    if (free !== undefined) this.#free.push(free)
  }
}

/** Does full chunks of which none is the last; returns the bytes written. */
function runChunks(work: ChunkWork, input: Uint8Array, output: Uint8Array): number {
  let written = 0
  for (let start = 0; start < input.length; start += work.inputBytes) {
    written += work.run(input.subarray(start, start + work.inputBytes), output.subarray(written), false)
  }
  return written
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
