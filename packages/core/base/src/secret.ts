import { secretMemory } from "./secret-memory.ts"

/**
 * Owns the bytes of a secret in locked memory and wipes them on disposal. Prints as `[secret]`, never serialises,
 * and shows its bytes only inside a synchronous {@link Secret.expose}, so that none lives across an `await`.
 *
 * Does not promise: that the JavaScript engine made no copy while a caller computed with the bytes, or that swap and
 * hibernation are off where memory locking was refused (see `SecretMemory.locked`).
 */
export class Secret implements Disposable {
  readonly #bytes: Uint8Array
  #live = true

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Takes over `bytes`: they are copied to locked memory and zeroed where they were. */
  static take(bytes: Uint8Array): Secret {
    const secret = Secret.fill(bytes.length, (target) => target.set(bytes))
    bytes.fill(0)
    return secret
  }

  /** Allocates `length` bytes in locked memory and lets `write` fill them in place. Wiped at once if `write` throws. */
  static fill(length: number, write: (target: Uint8Array) => void): Secret {
    if (!Number.isSafeInteger(length) || length < 1) throw new RangeError(`secret length must be a positive integer, got ${length}`)
    const secret = new Secret(secretMemory().allocate(length))
    try {
      write(secret.#bytes)
    } catch (error) {
      secret[Symbol.dispose]()
      throw error
    }
    return secret
  }

  /** Bytes held. Stays readable after disposal. */
  get length(): number {
    return this.#bytes.length
  }

  /** Whether the secret has not been disposed of. */
  get live(): boolean {
    return this.#live
  }

  /**
   * Calls `read` with the live bytes. They belong to this secret: `read` must neither keep nor change them, must not be
   * `async`, and must return nothing that contains them.
   * @throws TypeError after disposal, or when `read` returns a promise.
   */
  expose<T>(read: (bytes: Uint8Array) => T): T {
    if (!this.#live) throw new TypeError("secret was already wiped")
    const result = read(this.#bytes)
    if (result instanceof Promise) throw new TypeError("a secret must not be exposed across an await")
    return result
  }

  /** A second, independent owner of the same bytes. */
  copy(): Secret {
    return this.expose((bytes) => Secret.fill(bytes.length, (target) => target.set(bytes)))
  }

  /** Whether both hold the same bytes, in time that depends only on the length. */
  equals(other: Secret): boolean {
    return this.expose((a) => other.expose((b) => equalConstantTime(a, b)))
  }

  /** Wipes the bytes and gives the memory back. May be called twice. */
  [Symbol.dispose](): void {
    if (!this.#live) return
    this.#live = false
    this.#bytes.fill(0)
    secretMemory().release(this.#bytes)
  }

  toString(): string {
    return "[secret]"
  }

  toJSON(): string {
    return "[secret]"
  }
}

// Node's `util.inspect` asks by this symbol; defined here because isolated declarations cannot name a computed member.
Object.defineProperty(Secret.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: () => "[secret]" })

/**
 * A copy of a secret for whatever takes nothing but bytes, to be wiped (`fill(0)`) by the caller when that is done. It has a buffer of its own: a typed array of up to 64 bytes lies in the heap of the
 * engine, which leaves it behind when it moves it, and when it is asked for its buffer.
 */
export function wipeableCopy(secret: Secret): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(new ArrayBuffer(secret.length))
  secret.expose((bytes) => copy.set(bytes))
  return copy
}

/** Compares equal-length byte strings without an early exit; unequal lengths are unequal. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let index = 0; index < a.length; index++) difference |= (a[index] ?? 0) ^ (b[index] ?? 0)
  return difference === 0
}
