import type { Result } from "@keygrove/base"
import type { CallOptions } from "./call-options.ts"

/** Whom to call: the peer's Ed25519 signing key (32 bytes) and where it may be found (multiaddrs without the /p2p part). */
export interface PeerAddress {
  readonly signingKey: Uint8Array
  readonly addresses: readonly string[]
}

/** One request as its server sees it; `from` was proved by the channel's handshake. */
export interface InboundRequest {
  /** Ed25519 signing key of the caller, 32 bytes. */
  readonly from: Uint8Array
  readonly body: Uint8Array
}

/** Protocols spoken between nodes; the name on the wire is `/keygrove/1/NAME`. */
export type ProtocolName = "ledger" | "proxy"

export type RequestRefusal = "PEER_UNREACHABLE" | "PEER_TIMEOUT" | "PEER_BUSY" | "PEER_PROTOCOL" | "PEER_CLOSED"

/** Authenticated, encrypted request and answer between nodes. Messages are at most 1 MiB; at most 64 requests of one peer are under way at once. */
export interface Transport extends AsyncDisposable {
  /** Addresses this node listens at (multiaddrs without the /p2p part). */
  addresses(): readonly string[]
  /** Keys of the peers that are connected now. */
  peers(): readonly Uint8Array[]
  /** Sends `body` and waits for the answer; many may be under way to one peer. */
  request(peer: PeerAddress, protocol: ProtocolName, body: Uint8Array, options: CallOptions): Promise<Result<Uint8Array, RequestRefusal>>
  /** Answers requests of one protocol until disposed of. A handler that throws makes the caller see `PEER_PROTOCOL`. */
  serve(protocol: ProtocolName, handler: (request: InboundRequest, options: CallOptions) => Promise<Uint8Array>): Disposable
}
