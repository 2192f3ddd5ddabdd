import type { Refusal, Result } from "@keygrove/base"
import type { LedgerIndex } from "@keygrove/ledger"
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
  /**
   * Set for a caller that may read the ledger, up to this length, and nothing else: one whose key has ended, which so learns of its end, and one that is locked and goes by its boot key, which reads all.
   */
  readonly readsTo?: LedgerIndex
}

/** What a node is to its peers: a key, and whoever signs handshakes with it. */
export interface TransportIdentity {
  /** Ed25519, 32 bytes. */
  readonly signingKey: Uint8Array
  /** Signs what a handshake needs signed (64 bytes). Rejects when that cannot be, and the line is not opened. */
  sign(message: Uint8Array, options: CallOptions): Promise<Uint8Array>
}

/** Why a node could not move: its address is not free, or not of this machine any more, or the transport is closed. */
export type MoveRefusal = "PORT_IN_USE" | "LISTEN_FAILED" | "PEER_CLOSED"

/** Protocols spoken between nodes; the name on the wire is `/keygrove/1/NAME`. */
export type ProtocolName = "ledger" | "proxy" | "join" | "meet" | "chain" | "move" | "pieces"

/** A handler's word that it does not answer this caller: its key is nobody's here, or that of a node that has ended, or has another key now. */
export type PeerRejection = Refusal<"PEER_UNKNOWN" | "PEER_REMOVED">

/**
 * Why there is no answer: nothing answers at the peer's addresses, or it is this node itself; another node answers there, whose key, which nothing
 * proves yet, is `found` (hex) in the refusal's data; the peer does not know this node, or knows that it is none any more; the signal's time ran out;
 * too many requests are under way; the peer serves no such protocol, failed to answer, or broke the protocol; one of the two nodes closed the line;
 * the request is over 1 MiB.
 */
export type RequestRefusal =
  | "PEER_UNREACHABLE"
  | "PEER_KEY_WRONG"
  | PeerRejection["code"]
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
  /** Ends all lines to the peer with this key, and with `PEER_CLOSED` what is under way on them. Either side may open new ones. */
  disconnect(signingKey: Uint8Array): void
  /**
   * Becomes another identity at the same addresses, without losing a message. Requests go out under the new key from now on, and new lines prove it; what is
   * open under the key before still brings answers in both directions, until nothing was under way for about `LEFT_IDLE_MS`, or for `LEFT_MAX_MS`
   * at most. Nothing is signed with the key before any more. Resolves when the new one listens; who dials in the moment between is refused once.
   * A refusal changes nothing: the move can be tried again. One at a time; moving to the present key does nothing.
   */
  move(identity: TransportIdentity, options: CallOptions): Promise<Result<true, MoveRefusal>>
}

/** Answers one request, or refuses its caller: of a refusal only the code is sent. */
export type RequestHandler = (request: InboundRequest, options: CallOptions) => Promise<Uint8Array | PeerRejection>
