import { ok, refuse, type Result } from "@keygrove/base"
import { MAX_PEER_REQUESTS, type CallOptions, type RequestRefusal } from "@keygrove/service"
import type { Stream } from "@libp2p/interface"
import { encodeFrame, FrameReader, type Frame, type FrameError } from "./frames.ts"

const REASONS: Readonly<Record<FrameError, string>> = {
  PEER_BUSY: "the node has too much under way; try again in a moment, or use another",
  PEER_PROTOCOL: "the node could not answer; try again, or use another",
  PEER_UNKNOWN:
    "the node does not know this one, or only answers clusters that it trusts; `keygrove status` says whether this node is on the ledger",
  PEER_REMOVED: "the node knows from the ledger that this node, or this key of it, has ended; `keygrove status` says more",
}

/** One long-lived stream to a peer, with many requests under way; a new stream for each would cost a negotiation. */
export class OutboundChannel {
  readonly #stream: Stream
  readonly #pending: Map<number, (frame: Frame | undefined) => void> = new Map()
  #lastId = 0
  #open = true

  constructor(stream: Stream) {
    this.#stream = stream
    void this.#receive()
  }

  get open(): boolean {
    return this.#open && this.#stream.writeStatus === "writable"
  }

  /** Sends a request and waits for its answer; rejects with the signal's reason when it fires first. */
  async call(body: Uint8Array, { signal }: CallOptions): Promise<Result<Uint8Array, RequestRefusal>> {
    signal.throwIfAborted()
    if (this.#pending.size >= MAX_PEER_REQUESTS)
      return refuse("PEER_BUSY", `${MAX_PEER_REQUESTS} requests to this node are under way; try again in a moment`)
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<Frame | undefined>()
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener("abort", onAbort, { once: true })
    this.#pending.set(id, resolve)
    try {
      if (!this.#send(encodeFrame({ id, body }))) return closed()
      const frame = await promise
      if (frame === undefined) return closed()
      return "body" in frame ? ok(frame.body) : refuse(frame.error, REASONS[frame.error])
    } finally {
      signal.removeEventListener("abort", onAbort)
      this.#pending.delete(id)
    }
  }

  close(): void {
    this.#open = false
    this.#stream.abort(new Error("closed"))
    for (const settle of this.#pending.values()) settle(undefined)
  }

  #send(frame: Uint8Array): boolean {
    try {
      // The muxer buffers what the peer does not take yet, and resets the stream when it is more than 64 requests.
      this.#stream.send(frame)
      return true
    } catch {
      // It throws when the stream ended meanwhile.
      return false
    }
  }

  async #receive(): Promise<void> {
    const reader = new FrameReader()
    try {
      for await (const chunk of this.#stream) {
        const frames = reader.push(chunk)
        if (!frames.ok) break
        for (const frame of frames.value) this.#pending.get(frame.id)?.(frame)
      }
    } catch {
      // A reset of the stream or its connection: the same as its end.
    }
    this.close()
  }
}

function closed(): Result<never, "PEER_CLOSED"> {
  return refuse("PEER_CLOSED", "the node closed the connection before it answered; try again")
}
