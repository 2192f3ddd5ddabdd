import { ok, refuse, type Result } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import {
  decodeCommitments,
  holdersOf,
  POSSESSION_CHALLENGE_BYTES,
  sharingsOf,
  verifyPossession,
  type PieceHolder,
  type PlacedSharing,
} from "@keygrove/pieces"
import type { CallOptions } from "../ports/call-options.ts"
import type { Liars } from "./custody-round.ts"
import { custodyView, peerOf } from "./custody-view.ts"
import { asAnswer, askMember } from "./piece-client.ts"
import type { PieceDesk } from "./piece-desk.ts"
import type { PiecesContext } from "./pieces-context.ts"

/** Holders that are challenged at once. */
const CHALLENGES_AT_ONCE = 16

/** What a challenge of one holder came to. */
export interface PieceCheck {
  readonly owner: NodePath
  readonly generation: number
  readonly holder: NodePath
  /** `lost`: it says that it has no such piece. `wrong`: its proof does not hold. */
  readonly outcome: "proved" | "lost" | "wrong" | "unreachable"
  /** Why, unless it proved that it has the piece. */
  readonly reason?: string
}

interface Challenge {
  readonly owner: NodePath
  readonly placed: PlacedSharing
  readonly holder: PieceHolder
}

interface Verifying {
  readonly context: PiecesContext
  readonly desk: PieceDesk
  readonly liars: Liars
}

/**
 * Has every holder of an owner's standing sharings prove that it has its piece, against a fresh challenge each; nothing of a piece leaves its holder. Of all members when no owner is
 * named. Refuses `MEMBER_UNKNOWN`.
 */
export async function verifyPieces(
  verifying: Verifying,
  { owner }: { readonly owner?: NodePath },
  options: CallOptions,
): Promise<Result<readonly PieceCheck[]>> {
  const { custody } = custodyView(verifying.context)
  if (owner !== undefined && !custody.members.has(owner))
    return refuse("MEMBER_UNKNOWN", `${owner} is no member; others keep no pieces of it`)
  const owners = owner === undefined ? [...custody.members.values()].map(({ path }) => path) : [owner]
  const challenges = owners.flatMap((each) =>
    sharingsOf(custody, each).flatMap((placed) => holdersOf(custody, placed).map((holder): Challenge => ({ owner: each, placed, holder }))),
  )
  const checks: PieceCheck[] = []
  const lane = async (): Promise<void> => {
    for (let next = challenges.shift(); next !== undefined; next = challenges.shift())
      checks.push(await challengeOne(verifying, next, options))
  }
  await Promise.all(Array.from({ length: CHALLENGES_AT_ONCE }, lane))
  return ok(checks.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)))
}

async function challengeOne(
  { context, desk, liars }: Verifying,
  { holder, owner, placed }: Challenge,
  options: CallOptions,
): Promise<PieceCheck> {
  const { generation } = placed.generation
  const { id: sharing, commitments } = placed.sharing
  const { index, member } = holder
  const about = { owner, generation, holder: member.path }
  const challenge = context.random(POSSESSION_CHALLENGE_BYTES)
  const request = { op: "prove", owner, generation, sharing, challenge } as const
  const own = context.keystore.identity()
  const peer = peerOf(custodyView(context), member)
  if (peer === undefined) return { ...about, outcome: "unreachable", reason: "it is no node any more" }
  const answer =
    member.path === own.path
      ? asAnswer(request.op, await desk.answer(own.keys.signingKey, request, options))
      : await askMember(context.transport, peer, request, options)
  if (!answer.ok)
    return { ...about, outcome: answer.code === "PIECE_UNKNOWN" ? "lost" : "unreachable", reason: `${answer.code}: ${answer.message}` }
  const decoded = decodeCommitments(context.primitives.curve, commitments)
  if (decoded.ok && verifyPossession(context.primitives, { sharing, commitments: decoded.value, index, challenge }, answer.value.proof))
    return { ...about, outcome: "proved" }
  liars.name(member.path, `its proof that it has the piece of ${owner} does not hold`)
  return { ...about, outcome: "wrong", reason: "its proof does not hold" }
}

function keyOf({ generation, holder, owner }: PieceCheck): string {
  return `${owner} ${String(generation).padStart(10, "0")} ${holder}`
}
