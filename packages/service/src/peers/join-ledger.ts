import { ok, refuse, type Result } from "@keygrove/base"
import type { LedgerHead } from "@keygrove/ledger"
import { decodeJoinAnswer, encodeJoinRequest } from "@keygrove/peering"
import type { CallOptions } from "../ports/call-options.ts"
import type { PeerAddress, Transport } from "../ports/transport.ts"

/** How long a host may take to answer. */
const JOIN_TIMEOUT_MS = 10_000

/**
 * Asks a ledger's host to append what makes this node's key known there: its certificate's chain as far as this node has it, and its first rekey. Resolves with the ledger's
 * head then; refuses what the host refuses, and with `LEDGER_UNREACHABLE` when there is no answer.
 */
export async function joinLedger(
  transport: Transport,
  host: PeerAddress,
  entries: readonly Uint8Array[],
  options: CallOptions,
): Promise<Result<LedgerHead>> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(JOIN_TIMEOUT_MS)])
  const answered = await transport.request(host, "join", encodeJoinRequest({ entries }), { signal })
  if (!answered.ok)
    return refuse("LEDGER_UNREACHABLE", `the ledger's host did not answer (${answered.code}: ${answered.message})`, answered.data)
  const answer = decodeJoinAnswer(answered.value)
  if (!answer.ok) return answer
  return answer.value.kind === "joined" ? ok(answer.value.head) : refuse(answer.value.code, answer.value.message)
}
