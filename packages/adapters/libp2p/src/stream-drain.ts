import type { Stream } from "@libp2p/interface"

/**
 * Waits until the peer took what was sent, or the stream ended. Not the stream's own `onDrain`: that one waits only the first time, because the
 * promise it keeps stays resolved.
 */
export async function drained(stream: Stream): Promise<void> {
  while (stream.writableNeedsDrain && stream.writeStatus === "writable") {
    const { promise, resolve } = Promise.withResolvers<void>()
    const onEvent = (): void => resolve()
    stream.addEventListener("drain", onEvent)
    stream.addEventListener("close", onEvent)
    try {
      await promise
    } finally {
      stream.removeEventListener("drain", onEvent)
      stream.removeEventListener("close", onEvent)
    }
  }
}
