import type { CallOptions, InboundRequest } from "@keygrove/service"
import type { Stream } from "@libp2p/interface"
import { encodeFrame, FrameReader, type Frame } from "./frames.ts"

export type RequestHandler = (request: InboundRequest, options: CallOptions) => Promise<Uint8Array>

/** Requests of one stream that are answered at once; further ones are told that the node is busy. */
const MAX_UNDER_WAY = 64

/** Answers the requests of one inbound stream until it ends or breaks the protocol. */
export async function serveStream(stream: Stream, from: Uint8Array, handler: RequestHandler, stop: AbortSignal): Promise<void> {
  const ended = new AbortController()
  const signal = AbortSignal.any([stop, ended.signal])
  const onStop = (): void => stream.abort(new Error("closed"))
  stop.addEventListener("abort", onStop, { once: true })
  const reader = new FrameReader()
  let underWay = 0
  const respond = async (frame: Frame): Promise<void> => {
    underWay++
    const answer = await answerOf(frame, from, handler, signal)
    underWay--
    await send(stream, answer, signal)
  }
  try {
    for await (const chunk of stream) {
      const frames = reader.push(chunk)
      if (!frames.ok) break
      for (const frame of frames.value) {
        if (underWay < MAX_UNDER_WAY) void respond(frame)
        else await send(stream, { id: frame.id, error: "PEER_BUSY" }, signal)
      }
    }
  } catch {
    // A reset of the stream or its connection: the same as its end.
  } finally {
    ended.abort()
    stop.removeEventListener("abort", onStop)
    // Both sides must be closed, else the muxer counts the stream for ever.
    stream.abort(new Error("closed"))
  }
}

async function answerOf(frame: Frame, from: Uint8Array, handler: RequestHandler, signal: AbortSignal): Promise<Frame> {
  if (!("body" in frame)) return { id: frame.id, error: "PEER_PROTOCOL" }
  try {
    return { id: frame.id, body: await handler({ from, body: frame.body }, { signal }) }
  } catch {
    // What failed here is this node's affair; the peer learns only that there is no answer.
    return { id: frame.id, error: "PEER_PROTOCOL" }
  }
}

async function send(stream: Stream, frame: Frame, signal: AbortSignal): Promise<void> {
  try {
    if (!stream.send(encodeFrame(frame))) await stream.onDrain({ signal })
  } catch {
    // The peer is gone; nobody waits for the answer.
  }
}
