import { ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  decodeKeyChainHead,
  extendKeyChain,
  finishKeyChain,
  isSameHead,
  type KeyChain,
  type KeyChainRefusal,
  type VerifiedKeyChain,
} from "@keygrove/ledger"
import { decodeChainAnswer, encodeChainRequest, type ChainAnswer } from "@keygrove/peering"
import type { CallOptions } from "../ports/call-options.ts"
import type { PeerAddress, RequestRefusal, Transport } from "../ports/transport.ts"

/** What a peer told of a key chain beyond what was known. */
export interface FetchedKeyChain {
  readonly chain: VerifiedKeyChain
  /** The head that closes it, encoded. */
  readonly head: Uint8Array
  /** Entries that are new. */
  readonly fresh: readonly Uint8Array[]
}

/** Why a peer's word on a key chain was not taken. */
export type FetchRefusal = RequestRefusal | KeyChainRefusal | "CHAIN_MESSAGE_INVALID" | "CHAIN_NOT_SERVED"

/** Bytes of a key chain that are taken from a peer at a time; a hundred thousand statements are about 30 MB. */
const MAX_FETCHED_BYTES = 33_554_432
/** How long a peer may take for one slice. */
const SLICE_TIMEOUT_MS = 10_000

/**
 * Asks a peer for a cluster's key chain from where the known one ends, slice by slice, each verified as it comes. What was known is never given up: a peer that has
 * less, or another history, is refused with `KEY_CHAIN_TRUNCATED` or `KEY_CHAIN_FORKED`.
 */
export async function fetchKeyChain(
  { primitives, transport }: { readonly primitives: Pick<Primitives, "sha256" | "ed25519">; readonly transport: Transport },
  peer: PeerAddress,
  known: KeyChain,
  options: CallOptions,
): Promise<Result<FetchedKeyChain, FetchRefusal>> {
  let chain = known
  const fresh: Uint8Array[] = []
  let bytes = 0
  for (;;) {
    const slice = await askSlice(transport, peer, chain, options)
    if (!slice.ok) return slice
    const { entries, head: encoded } = slice.value
    const head = decodeKeyChainHead(encoded)
    if (!head.ok) return head
    if (head.value.length < chain.head.length) return truncated(chain.head.length, head.value.length)
    if (head.value.length === known.head.length && !isSameHead(head.value, known.head)) return forked(known.head.length)
    for (const entry of entries.slice(0, head.value.length - chain.head.length)) {
      bytes += entry.length
      const extended = bytes > MAX_FETCHED_BYTES ? tooLong() : extendKeyChain(primitives, chain, entry)
      if (!extended.ok) return extended
      chain = extended.value
      fresh.push(entry)
    }
    if (chain.head.length < head.value.length && entries.length > 0) continue
    if (chain.head.length < head.value.length) return truncated(head.value.length, chain.head.length)
    const closed = finishKeyChain(primitives, chain, head.value)
    if (closed.ok) return ok({ chain: closed.value, head: encoded, fresh })
    // What continues our own copy, and is not what the other's head closes, continues another one.
    return closed.code === "KEY_CHAIN_HEAD_WRONG" && known.head.length > 0 ? forked(known.head.length) : closed
  }
}

async function askSlice(
  transport: Transport,
  peer: PeerAddress,
  { cluster, head }: KeyChain,
  { signal }: CallOptions,
): Promise<Result<ChainAnswer & { readonly kind: "slice" }, RequestRefusal | "CHAIN_MESSAGE_INVALID" | "CHAIN_NOT_SERVED">> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(SLICE_TIMEOUT_MS)])
  const answered = await transport.request(peer, "chain", encodeChainRequest({ cluster, from: head.length }), { signal: deadline })
  if (!answered.ok) return answered
  const answer = decodeChainAnswer(answered.value)
  if (!answer.ok) return answer
  if (answer.value.kind === "refused") return refuse("CHAIN_NOT_SERVED", `${answer.value.code}: ${answer.value.message}`)
  if (answer.value.from === head.length) return ok(answer.value)
  return refuse("CHAIN_MESSAGE_INVALID", "the node answered with another part of the key chain than it was asked for")
}

function forked(length: number): Result<never, "KEY_CHAIN_FORKED"> {
  return refuse("KEY_CHAIN_FORKED", `its first ${length} entries are others there than those seen before`)
}

function truncated(expected: number, found: number): Result<never, "KEY_CHAIN_TRUNCATED"> {
  return refuse("KEY_CHAIN_TRUNCATED", `there are ${found} entries there, and ${expected} were seen or announced`)
}

function tooLong(): Result<never, "KEY_CHAIN_TOO_LONG"> {
  return refuse("KEY_CHAIN_TOO_LONG", `it has more than ${MAX_FETCHED_BYTES} bytes that are new, which is not taken at a time`)
}
