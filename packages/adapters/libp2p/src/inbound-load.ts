import { MAX_PEER_REQUESTS } from "@keygrove/service"

/** Bytes of unfinished frames, of requests under way and of their answers that a node holds for all its callers together. */
export const MAX_HELD_BYTES = 268_435_456

/** Room for what one stream or request holds, until it is disposed of. */
export interface Room extends Disposable {
  /** Holds this many bytes from now on; false, and nothing changed, when all callers together would hold too many. */
  keep(byteCount: number): boolean
}

/** What callers make a node hold: limited for each of them over all its streams and connections, and for all together. */
export class InboundLoad {
  readonly #requests: Map<string, number> = new Map()
  #heldBytes = 0

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Room for one more request of this peer; `undefined` when it has 64 under way. */
  admit(peer: string): Room | undefined {
    const count = this.#requests.get(peer) ?? 0
    if (count >= MAX_PEER_REQUESTS) return undefined
    this.#requests.set(peer, count + 1)
    return this.room(() => this.#end(peer))
  }

  /** Room for bytes only. `onEnd` is called once, when it is disposed of. */
  room(onEnd: () => void = () => undefined): Room {
    let kept = 0
    let ended = false
    return {
      keep: (byteCount) => {
        if (ended || this.#heldBytes - kept + byteCount > MAX_HELD_BYTES) return false
        this.#heldBytes += byteCount - kept
        kept = byteCount
        return true
      },
      [Symbol.dispose]: () => {
        if (ended) return
        ended = true
        this.#heldBytes -= kept
        onEnd()
      },
    }
  }

  #end(peer: string): void {
    const left = (this.#requests.get(peer) ?? 1) - 1
    if (left > 0) this.#requests.set(peer, left)
    else this.#requests.delete(peer)
  }
}
