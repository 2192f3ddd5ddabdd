import type { Duplex } from "node:stream"
import { FrameDecoder } from "./frames.ts"

/** The frames that come over a socket, until it ends or has a length that no frame has. */
export async function* framesOf(socket: Duplex): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new FrameDecoder()
  for await (const chunk of socket) {
    if (chunk instanceof Uint8Array) yield* decoder.push(chunk)
  }
}

/** Resolves when a socket can be written to again, or is closed. */
export async function drained(socket: Duplex): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.on("drain", resolve).on("close", resolve)
  await promise
  socket.off("drain", resolve).off("close", resolve)
}

/** Whether the other side was killed in the middle of a frame. */
export function isAbruptEnd(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    (error.code === "ECONNRESET" || error.code === "EPIPE" || error.code === "ERR_STREAM_PREMATURE_CLOSE")
  )
}
