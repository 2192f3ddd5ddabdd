import { refuse, toHex, type Result } from "@keygrove/base"
import type { PeerAddress, RequestRefusal } from "@keygrove/service"
import { peerIdFromString } from "@libp2p/peer-id"
import { signingKeyOf } from "./addresses.ts"

/** What Noise says when the key that the other side names is not the one that was called; libp2p passes on its text, not its class. */
const KEY_WRONG = /Payload identity key (\w+) does not match expected remote identity key/

/** As Node.js puts it into messages: `connect ECONNREFUSED 127.0.0.1:7410`. */
const SYSTEM_CODE = /\bE[A-Z]{4,}\b/

/** Why no line to the peer could be opened. `name` is the peer's id. */
export function refuseLine(name: string, peer: PeerAddress, error: unknown): Result<never, RequestRefusal> {
  const text = messagesOf(error)
  const where = peer.addresses.join(" ") || "any address"
  if (text.includes("UnsupportedProtocolError"))
    return refuse("PEER_PROTOCOL", `the node ${name} does not speak this protocol; use the same version of keygrove on both sides`)
  const wrong = KEY_WRONG.exec(text)
  if (wrong !== null) {
    const message = `another node than ${name} answers at ${where}; ask its owner for its present address`
    return refuse("PEER_KEY_WRONG", message, foundKey(wrong[1] ?? ""))
  }
  return refuse("PEER_UNREACHABLE", `the node ${name} cannot be reached at ${where}${causeOf(error, text)}`)
}

/** The system's word for it, such as ECONNREFUSED, or the kind of error, where that says more than that it is one. */
function causeOf(error: unknown, text: string): string {
  const code = SYSTEM_CODE.exec(text)?.[0]
  const name = error instanceof Error && error.name !== "Error" ? error.name : undefined
  const cause = code ?? name
  return cause === undefined ? "" : ` (${cause})`
}

/** The key behind a peer id, if it is of the kind that nodes have. */
function foundKey(peerId: string): { readonly found?: string } {
  try {
    const key = signingKeyOf(peerIdFromString(peerId))
    return key === undefined ? {} : { found: toHex(key) }
  } catch {
    // The other side chose its key; another kind than Ed25519 is printed in other ways.
    return {}
  }
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
