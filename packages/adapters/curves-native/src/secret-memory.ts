import { plainSecretMemory, type SecretMemory } from "@keygrove/base"
import { sodium } from "./sodium.ts"

/** Why a secret is in memory that may be swapped or dumped. */
export type SecretMemoryWarning =
  /** The operating system refused to lock the arena, usually because of RLIMIT_MEMLOCK. */
  | "SECRET_MEMORY_UNLOCKED"
  /** The arena is spent, or a secret is larger than its largest slot. */
  | "SECRET_MEMORY_FULL"

export interface LockedSecretMemoryOptions {
  /** Bytes of the arena, 4 KiB to 8 MiB; 512 KiB by default, which holds about 8,000 keys and fits common limits. */
  readonly arenaBytes?: number
  /** Called at most once for each warning, with one line for the log. */
  readonly warn?: (code: SecretMemoryWarning, message: string) => void
}

const DEFAULT_ARENA_BYTES = 524_288
/** Slot sizes: keys and scalars, expanded keys, hash states, sealed fragments' plaintexts, passphrases and records. */
const SLOT_BYTES: readonly number[] = [32, 64, 128, 256, 512, 1_024, 4_096, 16_384]

/**
 * Locked memory for secrets: one `sodium_malloc` arena between guard pages, excluded from core dumps and swap, handed out in slots of fixed
 * sizes. One allocation a secret would abort the process, uncatchably, once RLIMIT_MEMLOCK or the number of mappings is spent.
 *
 * When the arena cannot be locked, secrets stay in it (guarded and undumped, as far as the system allows) and `locked` is
 * false; when it is full, further secrets are put in plain memory. Both are warned of once.
 * A freed slot is used again for the same size only; there is no compaction, since views cannot move.
 */
export function lockedSecretMemory(options: LockedSecretMemoryOptions = {}): SecretMemory {
  const { arenaBytes = DEFAULT_ARENA_BYTES, warn = () => undefined } = options
  if (!Number.isSafeInteger(arenaBytes) || arenaBytes < 4_096 || arenaBytes > 8_388_608)
    throw new RangeError(`arena must have 4096 to 8388608 bytes, got ${arenaBytes}`)
  const arena = sodium.sodium_malloc(arenaBytes)
  arena.fill(0)
  const locked = isLockable(arena)
  if (!locked)
    warn(
      "SECRET_MEMORY_UNLOCKED",
      `${arenaBytes} bytes could not be locked in memory; raise the limit (ulimit -l) so that secrets never reach the swap`,
    )
  return new Arena(arena, locked, () =>
    warn(
      "SECRET_MEMORY_FULL",
      `the ${arenaBytes} bytes of locked memory are spent; further secrets are in plain memory; restart the process`,
    ),
  )
}

/** `sodium_malloc` locks too but hides whether it could; asking again is idempotent and tells. */
function isLockable(arena: Buffer): boolean {
  try {
    sodium.sodium_mlock(arena)
    return true
  } catch {
    // The binding's only failure: the operating system refused.
    return false
  }
}

class Arena implements SecretMemory {
  readonly locked: boolean
  readonly #arena: Buffer
  readonly #onFull: () => void
  /** Free offsets by slot size. */
  readonly #free: Map<number, number[]> = new Map()
  /** Slot size by offset of the slots in use. */
  readonly #used: Map<number, number> = new Map()
  #unused = 0
  #warned = false

  constructor(arena: Buffer, locked: boolean, onFull: () => void) {
    this.#arena = arena
    this.locked = locked
    this.#onFull = onFull
  }

  allocate(length: number): Uint8Array {
    const slot = SLOT_BYTES.find((size) => size >= length)
    const offset = slot === undefined ? undefined : this.#take(slot)
    if (slot === undefined || offset === undefined) {
      if (!this.#warned) this.#onFull()
      this.#warned = true
      return plainSecretMemory.allocate(length)
    }
    this.#used.set(offset, slot)
    return new Uint8Array(this.#arena.buffer, this.#arena.byteOffset + offset, length)
  }

  release(bytes: Uint8Array): void {
    if (bytes.buffer !== this.#arena.buffer) return
    const offset = bytes.byteOffset - this.#arena.byteOffset
    const slot = this.#used.get(offset)
    if (slot === undefined) throw new TypeError("secret memory was released twice")
    this.#used.delete(offset)
    this.#arena.fill(0, offset, offset + slot)
    this.#giveBack(slot, offset)
  }

  #take(slot: number): number | undefined {
    const reused = this.#free.get(slot)?.pop()
    if (reused !== undefined) return reused
    if (this.#unused + slot > this.#arena.length) return this.#borrow(slot)
    const offset = this.#unused
    this.#unused += slot
    return offset
  }

  /** A free slot of a larger size, once the arena has no fresh bytes left. */
  #borrow(slot: number): number | undefined {
    const larger = SLOT_BYTES.find((size) => size > slot && (this.#free.get(size)?.length ?? 0) > 0)
    if (larger === undefined) return undefined
    const offset = this.#free.get(larger)?.pop()
    if (offset === undefined) return undefined
    // Split: the rest becomes slots of the wanted size, so that the borrowed one is not lost to its class for good.
    for (let rest = slot; rest + slot <= larger; rest += slot) this.#giveBack(slot, offset + rest)
    return offset
  }

  #giveBack(slot: number, offset: number): void {
    const free = this.#free.get(slot)
    if (free === undefined) this.#free.set(slot, [offset])
    else free.push(offset)
  }
}
