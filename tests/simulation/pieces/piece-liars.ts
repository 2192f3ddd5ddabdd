import { unwrap } from "@keygrove/base"
import { decodePieceAnswer, decodePieceRequest, encodePieceAnswer, type PieceAnswer } from "@keygrove/peering"
import type { Lie } from "../lines.ts"

/** Ways in which a holder does not do what it should. */
export type PieceLie = "bad piece" | "bad sub-piece" | "bad receipt" | "bad proof" | "deaf"

/** The behaviour of a lying holder, which has the keys and the disk of the honest one it was. */
export function pieceLie(kind: PieceLie): Lie {
  return async ({ body }, honest) => {
    const request = decodePieceRequest(body)
    if (kind === "deaf") return encodePieceAnswer({ kind: "refused", code: "PIECES_FAILED", message: "no" })
    const answer = unwrap(decodePieceAnswer(await honest()))
    return encodePieceAnswer(request.ok ? changed(kind, answer) : answer)
  }
}

function changed(kind: PieceLie, answer: PieceAnswer): PieceAnswer {
  if (kind === "bad piece" && answer.kind === "piece") return { ...answer, sealed: flipped(answer.sealed) }
  if (kind === "bad receipt" && answer.kind === "receipt") return { ...answer, signature: flipped(answer.signature) }
  if (kind === "bad proof" && answer.kind === "proof") return { ...answer, proof: flipped(answer.proof) }
  if (kind === "bad sub-piece" && answer.kind === "subshares")
    return { ...answer, subpieces: answer.subpieces.map(({ index, sealed }) => ({ index, sealed: flipped(sealed) })) }
  return answer
}

/** One bit near the end, where ciphertexts and signatures are, is another. */
function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => (index === bytes.length - 9 ? byte ^ 1 : byte))
}
