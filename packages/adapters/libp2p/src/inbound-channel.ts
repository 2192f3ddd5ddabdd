import { toHex } from "@keygrove/base"
import { MAX_MESSAGE_BYTES, type CallOptions, type LineActivity, type RequestHandler } from "@keygrove/service"
import type { Stream } from "@libp2p/interface"
import { encodeFrame, FrameReader, type Frame } from "./frames.ts"
import type { InboundLoad } from "./inbound-load.ts"
import { drained } from "./stream-drain.ts"

/** What an inbound stream is served with. */
export interface InboundServing {
  /** Ed25519 key of the caller, 32 bytes. */
  readonly from: Uint8Array
  /** The handler of the stream's protocol at this moment, if there is one. */
  handler(): RequestHandler | undefined
  readonly load: InboundLoad
  /** What is under way on the lines of this host. */
  readonly activity: LineActivity
  /** Ends the stream. */
  readonly stop: AbortSignal
}

/** Answers the requests of one inbound stream until it ends or breaks the protocol. */
export async function serveStream(stream: Stream, serving: InboundServing): Promise<void> {
  const ended = new AbortController()
  const channel = new InboundChannel(stream, serving, ended.signal)
  const onStop = (): void => stream.abort(new Error("closed"))
  serving.stop.addEventListener("abort", onStop, { once: true })
  try {
    if (serving.stop.aborted) return
    await channel.run()
  } catch {
    // A reset of the stream or its connection: the same as its end.
  } finally {
    ended.abort()
    serving.stop.removeEventListener("abort", onStop)
    // Both sides must be closed, else the muxer counts the stream for ever.
    stream.abort(new Error("closed"))
  }
}

class InboundChannel {
  readonly #stream: Stream
  readonly #serving: InboundServing
  readonly #call: CallOptions
  readonly #peer: string
  readonly #reader = new FrameReader()

  constructor(stream: Stream, serving: InboundServing, ended: AbortSignal) {
    this.#stream = stream
    this.#serving = serving
    this.#call = { signal: ended }
    this.#peer = toHex(serving.from)
  }

  async run(): Promise<void> {
    using unfinished = this.#serving.load.room()
    for await (const chunk of this.#stream) {
      const frames = this.#reader.push(chunk)
      if (!frames.ok || !unfinished.keep(this.#reader.buffered)) return
      for (const frame of frames.value) void this.#respond(frame)
      await this.#keepPace()
    }
  }

  /** Reads nothing more from a peer that does not take its answers, so that they cannot pile up. */
  async #keepPace(): Promise<void> {
    if (!this.#stream.writableNeedsDrain) return
    this.#stream.pause()
    await drained(this.#stream)
    this.#stream.resume()
  }

  /** A request counts as under way until its answer was taken. */
  async #respond(frame: Frame): Promise<void> {
    if (!("body" in frame)) return this.#send(encodeFrame({ id: frame.id, error: "PEER_PROTOCOL" }))
    const busy = encodeFrame({ id: frame.id, error: "PEER_BUSY" })
    using _tracked = this.#serving.activity.track()
    using room = this.#serving.load.admit(this.#peer)
    if (room?.keep(frame.body.length) !== true) return this.#send(busy)
    const answer = await this.#answerOf(frame.id, frame.body)
    this.#send(room.keep(frame.body.length + answer.length) ? answer : busy)
    await drained(this.#stream)
  }

  /** The encoded answer. Why there is none is this node's affair: the peer learns no more than a code. */
  async #answerOf(id: number, body: Uint8Array): Promise<Uint8Array> {
    try {
      const answer = await this.#serving.handler()?.({ from: this.#serving.from, body }, this.#call)
      if (answer !== undefined && "ok" in answer) return encodeFrame({ id, error: answer.code })
      if (answer !== undefined && answer.length <= MAX_MESSAGE_BYTES) return encodeFrame({ id, body: answer })
    } catch {
      // The handler failed.
    }
    return encodeFrame({ id, error: "PEER_PROTOCOL" })
  }

  #send(frame: Uint8Array): void {
    try {
      this.#stream.send(frame)
    } catch {
      // The peer is gone; nobody waits for the answer.
    }
  }
}
