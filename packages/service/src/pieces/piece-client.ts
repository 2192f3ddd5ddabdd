import { refuse, type Result } from "@keygrove/base"
import { decodePieceAnswer, encodePieceRequest, isAnswerTo, type AnswerTo, type PieceAnswer, type PieceRequest } from "@keygrove/peering"
import type { CallOptions } from "../ports/call-options.ts"
import type { PeerAddress, Transport } from "../ports/transport.ts"

/** How long a member may take to answer. */
const ANSWER_TIMEOUT_MS = 15_000

/** A request of one kind. */
export type RequestOf<Op extends PieceRequest["op"]> = PieceRequest & { readonly op: Op }

/** Asks a member something over protocol `pieces`. Refuses as it does, with `PEER_TIMEOUT` after 15 s, and with `PIECES_MESSAGE_INVALID` for an answer to something else. */
export async function askMember<Op extends PieceRequest["op"]>(
  transport: Pick<Transport, "request">,
  peer: PeerAddress,
  request: RequestOf<Op>,
  { signal }: CallOptions,
): Promise<Result<AnswerTo<Op>>> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)])
  const response = await transport.request(peer, "pieces", encodePieceRequest(request), { signal: deadline })
  signal.throwIfAborted()
  if (!response.ok) return response
  const answer = decodePieceAnswer(response.value)
  return answer.ok ? asAnswer<Op>(request.op, answer.value) : answer
}

/** An answer, when it is one to a request of this kind; a refusal is one to any. */
export function asAnswer<Op extends PieceRequest["op"]>(op: Op, answer: PieceAnswer): Result<AnswerTo<Op>> {
  if (answer.kind === "refused") return refuse(answer.code, answer.message)
  if (isAnswerTo(op, answer)) return { ok: true, value: answer }
  return refuse(
    "PIECES_MESSAGE_INVALID",
    "a member answered something else than it was asked; use the same version of keygrove on both sides",
  )
}
