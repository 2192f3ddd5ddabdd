import type { ErrorTable } from "@keygrove/base"

export type Libp2pErrorCode =
  | "PEER_UNREACHABLE"
  | "PEER_KEY_WRONG"
  | "PEER_UNKNOWN"
  | "PEER_REMOVED"
  | "PEER_TIMEOUT"
  | "PEER_BUSY"
  | "PEER_PROTOCOL"
  | "PEER_CLOSED"
  | "MESSAGE_TOO_LONG"
  | "PORT_IN_USE"
  | "LISTEN_FAILED"
  | "ADDRESS_INVALID"

/** Codes of connections between nodes. */
export const libp2pErrors: ErrorTable<Libp2pErrorCode> = {
  PEER_UNREACHABLE: {
    class: "peers",
    meaning: "A node cannot be reached at its addresses.",
    remedy: "Check that it runs, and the network between.",
  },
  PEER_KEY_WRONG: {
    class: "peers",
    meaning: "Another node than the one expected answers at the address.",
    remedy: "Ask the node's owner for its present address: it moved, or another uses its address.",
  },
  PEER_UNKNOWN: {
    class: "peers",
    meaning: "A node does not answer this one: its key is not on the ledger that the node follows, or not of a cluster that it trusts.",
    remedy: "Wait until this node is on the ledger (`keygrove status`), or meet the other's people: it may answer trusted clusters only.",
  },
  PEER_REMOVED: {
    class: "peers",
    meaning: "A node does not answer this one any more: the ledger says that it was revoked or replaced, or has another key now.",
    remedy: "`keygrove status` says what became of this node; a revoked one needs a new invitation.",
  },
  PEER_TIMEOUT: { class: "peers", meaning: "A node did not answer in time.", remedy: "Try again, or use another." },
  PEER_BUSY: { class: "peers", meaning: "Too many requests to one node are under way.", remedy: "Try again in a moment." },
  PEER_PROTOCOL: {
    class: "peers",
    meaning: "A node answered something that is not the protocol.",
    remedy: "Use the same version of keygrove on both sides.",
  },
  PEER_CLOSED: { class: "peers", meaning: "A node closed the connection before it answered.", remedy: "Try again." },
  MESSAGE_TOO_LONG: { class: "failed", meaning: "A message to a node is over 1 MiB.", remedy: "Send less at once." },
  PORT_IN_USE: {
    class: "failed",
    meaning: "Another program listens at the node's address.",
    remedy: "Stop it, or choose another `listen` address in config.json.",
  },
  LISTEN_FAILED: {
    class: "failed",
    meaning: "The node cannot listen at its address.",
    remedy: "Check `listen` in config.json: the address must be one of this machine.",
  },
  ADDRESS_INVALID: {
    class: "usage",
    meaning: "An address of a node is malformed.",
    remedy: "Give it as /ip4/…/tcp/…/p2p/…; `keygrove ledger status` shows it.",
  },
}
