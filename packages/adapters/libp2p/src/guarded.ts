import type {
  ConnectionEncrypter,
  ConnectionProtector,
  MessageStream,
  StreamMessageEvent,
  StreamMuxer,
  StreamMuxerFactory,
} from "@libp2p/interface"
import { Negotiation } from "./negotiation.ts"

/** What a peer answers that does not know the protocol. */
const UNKNOWN = "na"
const NOISE = "/noise"

/** Ends the stream as soon as what arrives is no {@link Negotiation}, before libp2p reads it. To be called before anything arrives. */
function guard(stream: MessageStream, settling: Iterable<string>): void {
  const negotiation = new Negotiation(settling)
  const onMessage = (event: StreamMessageEvent): void => {
    const state = negotiation.push(event.data.subarray())
    if (state === "going on") return
    stream.removeEventListener("message", onMessage)
    if (state === "settled") return
    event.stopImmediatePropagation()
    stream.abort(new Error("no negotiation of a protocol"))
  }
  stream.addEventListener("message", onMessage)
}

/** Guards the negotiation of Noise, in both directions. It protects no more than that: the name is libp2p's for what comes before it. */
export function guardConnections(): ConnectionProtector {
  return {
    protect: async (connection) => {
      guard(connection, [NOISE, UNKNOWN])
      return connection
    },
  }
}

/** Takes only peers that choose the multiplexer inside the handshake, as every node does: then there is no negotiation of it. */
export function withoutMuxerNegotiation<T>(inner: ConnectionEncrypter<T>): ConnectionEncrypter<T> {
  const checked = async (
    securing: ReturnType<ConnectionEncrypter<T>["secureInbound"]>,
  ): ReturnType<ConnectionEncrypter<T>["secureInbound"]> => {
    const secured = await securing
    if (secured.streamMuxer === undefined) throw new Error("the peer chose no multiplexer in its handshake")
    return secured
  }
  return {
    protocol: inner.protocol,
    secureInbound: (connection, options) => checked(inner.secureInbound(connection, options)),
    secureOutbound: (connection, options) => checked(inner.secureOutbound(connection, options)),
  }
}

/** Guards the negotiation of each stream, in both directions; `protocols` are those that settle it. */
export function guardStreams(inner: StreamMuxerFactory, protocols: readonly string[]): StreamMuxerFactory {
  return {
    protocol: inner.protocol,
    createStreamMuxer: (connection) => {
      const muxer = inner.createStreamMuxer(connection)
      guardOutbound(muxer, protocols)
      guardInbound(muxer, protocols)
      return muxer
    },
  }
}

function guardOutbound(muxer: StreamMuxer, protocols: readonly string[]): void {
  const createStream = muxer.createStream.bind(muxer)
  muxer.createStream = async (options) => {
    const stream = await createStream(options)
    guard(stream, [...protocols, UNKNOWN])
    return stream
  }
}

/** A listener of its own would not do: the muxer keeps early streams for whoever listens first, and that has to be the connection. */
function guardInbound(muxer: StreamMuxer, protocols: readonly string[]): void {
  const addEventListener = muxer.addEventListener.bind(muxer)
  muxer.addEventListener = (type: string, listener: unknown, ...rest: unknown[]) => {
    if (type !== "stream" || typeof listener !== "function") return Reflect.apply(addEventListener, muxer, [type, listener, ...rest])
    const guarded = (event: CustomEvent<MessageStream>): unknown => {
      guard(event.detail, protocols)
      return Reflect.apply(listener, muxer, [event])
    }
    return Reflect.apply(addEventListener, muxer, [type, guarded, ...rest])
  }
}
