import type { NodeIdentity } from "@keygrove/service"

type Listener = (identity: NodeIdentity) => void

/** Who is told that the node has become another; as many as the daemon has parts. */
export class RekeyListeners {
  readonly #listeners = new Set<{ readonly listener: Listener }>()

  add(listener: Listener): Disposable {
    const added = { listener }
    this.#listeners.add(added)
    return { [Symbol.dispose]: () => void this.#listeners.delete(added) }
  }

  tell(identity: NodeIdentity): void {
    for (const { listener } of this.#listeners) listener(identity)
  }
}
