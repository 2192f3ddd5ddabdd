import { refuse, type Result } from "@keygrove/base"
import type { KeyId } from "@keygrove/keys"

/** Changes of one key that may wait for each other. */
const MAX_WAITING = 256

/** Has the changes of one key one after the other, while those of other keys go on: a token may take seconds to make a secret. */
export class KeyTurns {
  readonly #last: Map<KeyId, { readonly done: Promise<unknown>; readonly waiting: number }> = new Map()

  async take<T, Code extends string>(
    id: KeyId,
    signal: AbortSignal,
    work: () => Promise<Result<T, Code>>,
  ): Promise<Result<T, Code | "KEYSTORE_BUSY">> {
    const before = this.#last.get(id)
    const waiting = (before?.waiting ?? 0) + 1
    if (waiting > MAX_WAITING) return refuse("KEYSTORE_BUSY", `${MAX_WAITING} changes of ${id} are under way; try again in a moment`)
    const turn = Promise.withResolvers<undefined>()
    const mine = { done: turn.promise, waiting }
    this.#last.set(id, mine)
    try {
      await before?.done
      signal.throwIfAborted()
      return await work()
    } finally {
      if (this.#last.get(id) === mine) this.#last.delete(id)
      turn.resolve(undefined)
    }
  }
}
