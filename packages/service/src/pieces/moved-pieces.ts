import { equalBytes, refuse, type Refusal } from "@keygrove/base"
import { decodePieceIndex, indexIn, membersOf, sharingIdOf, thresholdOf } from "@keygrove/pieces"
import type { AdmittedMove, CustodyView, PieceAnswer, PieceRequest } from "@keygrove/peering"
import type { CallOptions } from "../ports/call-options.ts"
import type { StoredPiece } from "../ports/piece-keys.ts"
import { nodeOf } from "./custody-view.ts"
import type { PieceRecord } from "./piece-records.ts"
import type { PiecesContext } from "./pieces-context.ts"

/** A move of a sharing that is under way, as a holder sees it. */
interface HolderMove {
  readonly view: CustodyView
  readonly move: AdmittedMove
}

/** As old holder: shares its piece anew among the standing members of the new generation. */
export async function shareAnew(
  { keystore }: Pick<PiecesContext, "keystore">,
  { move: { owner, to }, piece, view }: HolderMove & { readonly piece: StoredPiece },
  options: CallOptions,
): Promise<PieceAnswer | Refusal> {
  const sender = keystore.identity().keys.signingKey
  const recipients = membersOf(view.custody, to).flatMap(({ index, member }) => {
    const node = member.path === owner.path ? undefined : nodeOf(view, member.path)
    return node === undefined ? [] : [{ index, sealingKey: node.keys.sealingKey }]
  })
  const order = { ...piece, to: to.generation, threshold: thresholdOf(to), recipients }
  const shared = await keystore.subshare(order, options)
  if (!shared.ok) return shared
  if (!equalBytes(keystore.identity().keys.signingKey, sender))
    return refuse("AUTHOR_KEY_WRONG", "the node rekeyed while it shared its piece; try again")
  return { kind: "subshares", sender, commitments: shared.value.commitments, subpieces: shared.value.subpieces }
}

/** As new holder: its piece of the moved sharing, or which old holder lied. */
export async function joinSubpieces(
  { keystore, primitives }: Pick<PiecesContext, "keystore" | "primitives">,
  { move, request, view }: HolderMove & { readonly request: Extract<PieceRequest, { readonly op: "redistribute" }> },
  options: CallOptions,
): Promise<PieceRecord | PieceAnswer | Refusal> {
  const { cluster, path } = view.self
  const { attempt, generation, owner } = request
  const index = indexIn(view.custody, move.to, path)
  if (index === undefined) return refuse("KEY_GENERATION_FOREIGN", `${path} is no member of key generation ${generation}`)
  const combination = {
    from: { cluster, owner, generation: request.from, commitments: move.commitments },
    to: generation,
    threshold: thresholdOf(move.to),
    index,
    contributions: request.contributions.map(({ sender, ...contribution }) => ({ ...contribution, signingKey: sender })),
  }
  const combined = await keystore.combineSubpieces(combination, options)
  if (!combined.ok) {
    const liar = decodePieceIndex(combined.data?.["index"])
    return combined.code === "SUBPIECE_INVALID" && liar.ok ? { kind: "complaint", index: liar.value } : combined
  }
  const { commitments, stored } = combined.value
  const sharing = sharingIdOf(primitives, { owner: { cluster, path: owner }, generation, commitments })
  return { cluster, owner, generation, sharing, commitments, index, attempt, stored }
}
