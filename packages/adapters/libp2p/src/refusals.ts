import { refuse, type Result } from "@keygrove/base"
import type { PeerAddress, RequestRefusal } from "@keygrove/service"

/** What Noise says when the key it proved is not the one that was called; libp2p passes on its text, not its class. */
const KEY_WRONG = /does not match expected remote identity key/

/** Why no line to the peer could be opened. `name` is the peer's id. */
export function refuseLine(name: string, peer: PeerAddress, error: unknown): Result<never, RequestRefusal> {
  const text = messagesOf(error)
  const where = peer.addresses.join(" ") || "any address"
  if (text.includes("UnsupportedProtocolError"))
    return refuse("PEER_PROTOCOL", `the node ${name} does not speak this protocol; use the same version of keygrove on both sides`)
  if (KEY_WRONG.test(text))
    return refuse("PEER_KEY_WRONG", `another node than ${name} answers at ${where}; ask its owner for its present address`)
  return refuse("PEER_UNREACHABLE", `the node ${name} cannot be reached at ${where} (${error instanceof Error ? error.name : "unknown"})`)
}

/** A signal whose time is up gives a refusal; any other is the caller's own wish. @throws the signal's reason. */
export function refuseTimeout(signal: AbortSignal): Result<never, "PEER_TIMEOUT"> {
  const { reason } = signal
  if (!(reason instanceof DOMException) || reason.name !== "TimeoutError") throw reason
  return refuse("PEER_TIMEOUT", "the node did not answer in time; try again, or use another")
}

/** Names and messages of an error and of those it wraps. */
export function messagesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const wrapped = error instanceof AggregateError ? error.errors : []
  return [error.name, error.message, ...wrapped.map(messagesOf), error.cause === undefined ? "" : messagesOf(error.cause)].join(" ")
}
