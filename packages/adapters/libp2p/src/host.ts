import { MAX_PEER_REQUESTS, type TransportIdentity } from "@keygrove/service"
import type { Connection, StreamMuxerFactory } from "@libp2p/interface"
import { noise } from "@libp2p/noise"
import { tcp } from "@libp2p/tcp"
import { yamux } from "@libp2p/yamux"
import { createLibp2p, type Libp2p } from "libp2p"
import { MAX_FRAME_BYTES } from "./frames.ts"
import { guardConnections, guardStreams, withoutMuxerNegotiation } from "./guarded.ts"
import type { OwnListeners } from "./own-listeners.ts"
import { remotePrivateKey } from "./remote-private-key.ts"

export interface HostOptions extends TransportIdentity {
  /** Multiaddrs to listen at; none for a node that only calls. */
  readonly listen: readonly string[]
}

/** How long a line to a peer, with its handshake, may take to open. */
export const DIAL_TIMEOUT_MS = 5_000
const MAX_CONNECTIONS = 512
/** Connections of one peer that it opened itself; a further one ends the oldest, which may be what a crash of the peer left behind. */
const MAX_INBOUND_PER_PEER = 4
/** New connections of one host in a second; the default of 5 starves nodes that share a machine. */
const INBOUND_PER_SECOND = 256
/** Handshakes under way at once; with the default of 10, as many silent sockets keep everybody out. */
const MAX_HANDSHAKES = 128
const HANDSHAKE_TIMEOUT_MS = 5_000
/** Streams that a peer may open on one connection; nodes use one for each protocol. */
const MAX_STREAMS = 8
/** What a peer may send on a stream before it is read; a paused stream must be able to keep it all. */
const MAX_WINDOW_BYTES = 1_048_576
const MAX_READ_BUFFER_BYTES: number = 2 * MAX_WINDOW_BYTES
/** What is sent on a stream and not taken; more than all requests of a peer means that it does not read. */
const MAX_WRITE_BUFFER_BYTES: number = (MAX_PEER_REQUESTS + 1) * MAX_FRAME_BYTES

/**
 * Makes libp2p over TCP with Noise and Yamux, not started yet, with a written limit on everything that a peer can make it hold. Its streams speak
 * `protocols` only.
 */
export async function makeHost(
  { signingKey, sign, listen }: HostOptions,
  protocols: readonly string[],
  listeners: OwnListeners,
): Promise<Libp2p> {
  const node = await createLibp2p({
    start: false,
    privateKey: remotePrivateKey(signingKey, sign),
    addresses: { listen: [...listen] },
    transports: [(components) => listeners.watch(tcp()(components))],
    connectionProtector: guardConnections,
    connectionEncrypters: [(components) => withoutMuxerNegotiation(noise()(components))],
    streamMuxers: [() => guardStreams(multiplexer(), protocols)],
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      inboundConnectionThreshold: INBOUND_PER_SECOND,
      maxIncomingPendingConnections: MAX_HANDSHAKES,
      inboundUpgradeTimeout: HANDSHAKE_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: HANDSHAKE_TIMEOUT_MS,
      dialTimeout: DIAL_TIMEOUT_MS,
    },
    connectionGater: { denyDialMultiaddr: () => false },
  })
  node.addEventListener("connection:open", ({ detail }) => endSurplus(node, detail))
  return node
}

function multiplexer(): StreamMuxerFactory {
  return yamux({
    maxInboundStreams: MAX_STREAMS,
    maxOutboundStreams: MAX_STREAMS,
    streamOptions: {
      maxStreamWindowSize: MAX_WINDOW_BYTES,
      maxReadBufferLength: MAX_READ_BUFFER_BYTES,
      maxWriteBufferLength: MAX_WRITE_BUFFER_BYTES,
    },
  })()
}

/** Ends the oldest of a peer's own connections when it opened one too many. */
function endSurplus(node: Libp2p, opened: Connection): void {
  const others = node.getConnections(opened.remotePeer).filter(({ direction, id }) => direction === "inbound" && id !== opened.id)
  if (opened.direction !== "inbound" || others.length < MAX_INBOUND_PER_PEER) return
  const [oldest] = others.toSorted((a, b) => a.timeline.open - b.timeline.open)
  oldest?.abort(new Error("too many connections of one peer"))
}
