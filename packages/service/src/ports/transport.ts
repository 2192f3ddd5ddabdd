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
export type ProtocolName = "ledger" | "proxy" | "meet" | "chain"

/**
 * Why there is no answer: nothing answers at the peer's addresses, or it is this node itself; another node answers there; the signal's time ran out;
 * too many requests are under way; the peer serves no such protocol, failed to answer, or broke the protocol; one of the two nodes closed the line;
 * the request is over 1 MiB.
 */
export type RequestRefusal =
  | "PEER_UNREACHABLE"
  | "PEER_KEY_WRONG"
  | "PEER_TIMEOUT"
  | "PEER_BUSY"
  | "PEER_PROTOCOL"
  | "PEER_CLOSED"
  | "MESSAGE_TOO_LONG"

/**
 * Authenticated, encrypted request and answer between nodes. Messages are at most 1 MiB; at most 64 requests of one peer are under way at once.
 * Disposal ends what is under way with `PEER_CLOSED`; it may be repeated.
 */
export interface Transport extends AsyncDisposable {
  /** Addresses this node listens at (multiaddrs without the /p2p part). */
  addresses(): readonly string[]
  /** Keys of the peers that are connected now. */
  peers(): readonly Uint8Array[]
  /**
   * Sends `body` and waits for the answer; many may be under way to one peer. The peer may get a request twice (when the line broke before the
   * answer), and works on when the caller gives up. A signal that timed out gives `PEER_TIMEOUT`; any other rejects with its reason.
   */
  request(peer: PeerAddress, protocol: ProtocolName, body: Uint8Array, options: CallOptions): Promise<Result<Uint8Array, RequestRefusal>>
  /**
   * Answers requests of one protocol until disposed of; those under way then are still answered. A handler that throws, or answers over 1 MiB, makes
   * the caller see `PEER_PROTOCOL`; so does a protocol that is not served. The handler's signal ends with the line to the caller.
   * @throws TypeError when the protocol is served already.
   */
  serve(protocol: ProtocolName, handler: RequestHandler): Disposable
}

/** Answers one request. */
export type RequestHandler = (request: InboundRequest, options: CallOptions) => Promise<Uint8Array>
