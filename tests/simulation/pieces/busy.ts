import type { LockedKeystore, PiecesContext } from "@keygrove/service"

/** Counts calls that are under way and need the event loop, so that time only moves when nothing happens. */
export class Busy {
  #count = 0

  get count(): number {
    return this.#count
  }

  async track<T>(work: Promise<T>): Promise<T> {
    this.#count++
    try {
      return await work
    } finally {
      this.#count--
    }
  }

  /** Resolves when nothing but clocks is waited for. */
  async quiet(asked: () => number): Promise<void> {
    for (let still = 0; still < 2; still = this.#count + asked() === 0 ? still + 1 : 0)
      await new Promise<void>((resolve) => setImmediate(resolve))
  }

  /** A keystore whose calls are counted. */
  watchKeystore<K extends PiecesContext["keystore"] | LockedKeystore>(keystore: K): K {
    return new Proxy(keystore, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== "function") return value
        return (...given: readonly unknown[]): unknown => {
          const result: unknown = Reflect.apply(value, target, given)
          return result instanceof Promise ? this.track(result) : result
        }
      },
    })
  }
}
