import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import {
  currentGeneration,
  indexIn,
  majorityOf,
  piecesNeeded,
  MIN_CUSTODY_MEMBERS,
  startingGeneration,
  type CustodyState,
  type EvidenceDemand,
  type GenerationState,
  type UnlockMode,
} from "@keygrove/pieces"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { demandEvidence, type EvidenceOrder } from "./demand-evidence.ts"
import type { CustodyKeeper } from "./custody-keeper.ts"
import { state } from "./custody-round.ts"
import { custodyView } from "./custody-view.ts"
import { announceMembership, forgetMembership } from "./keep-membership.ts"
import type { PieceDesk } from "./piece-desk.ts"
import type { PiecesContext } from "./pieces-context.ts"

/** How often it looks how far it is, while the ledger does not change. */
const LOOK_MS = 1_000
/** How long the way back may take. */
const LEAVE_TIMEOUT_MS = 30_000

/** How far a node is with becoming a member: the three steps of it, which all have to be done. */
export interface JoinProgress {
  readonly step: "announced" | "distributed" | "received" | "complete"
  readonly generation?: number
  /** Members that keep a piece of this node. */
  readonly given: number
  /** Members that this node keeps a piece of. */
  readonly received: number
  /** Holders that are needed. */
  readonly needed: number
  /** Other members that are needed, whose pieces come to this one. */
  readonly others: number
  /** Members that do not keep a piece of this node yet, and those that gave it none. */
  readonly missing: readonly NodePath[]
}

export interface JoinOrder {
  readonly unlock: UnlockMode
  /** What its holders have to ask of its machine from now on; as before unless given. */
  readonly evidence?: EvidenceOrder | "none"
  readonly onProgress?: (progress: JoinProgress) => void
}

/** What a node is after it joined. */
export type JoinedCustody =
  /** A member that its peers can unlock. */
  | { readonly kind: "member"; readonly progress: JoinProgress }
  /** A member; nothing can be shared before there are three. */
  | { readonly kind: "waiting"; readonly members: number }

interface Joining {
  readonly context: PiecesContext
  readonly keeper: CustodyKeeper
  readonly desk: PieceDesk
}

/**
 * Makes this node a member, or one that is a member one with another way of unlocking, and waits until its pieces and those of the others are where they belong. The keeper, which has to run,
 * does the work. When a step does not succeed within 15 minutes (`waits.joinMs`), or the signal fires, all of it is undone: the key generation is aborted, so nobody keeps anything of it, and the node
 * leaves. Refuses `CUSTODY_JOIN_FAILED`, which says which step and whose answers were missing.
 */
export async function joinCustody(joining: Joining, order: JoinOrder, options: CallOptions): Promise<Result<JoinedCustody>> {
  const { context } = joining
  const wasMember = custodyView(context).custody.members.has(context.keystore.identity().path)
  const announced = await announce(context, order, options)
  if (!announced.ok) return announced
  // Counted and not measured: a clock that is set forward must not end it.
  let waitedMs = 0
  const waiting = { last: undefined as JoinProgress | undefined }
  try {
    for (;;) {
      const { custody } = custodyView(context)
      if (custody.members.size < MIN_CUSTODY_MEMBERS) return ok({ kind: "waiting", members: custody.members.size })
      const progress = progressOf(joining, custody)
      if (JSON.stringify(progress) !== JSON.stringify(waiting.last)) order.onProgress?.(progress)
      waiting.last = progress
      if (progress.step === "complete") return ok({ kind: "member", progress })
      if (waitedMs >= context.waits.joinMs) return await giveUp(context, { wasMember, progress })
      await context.clock.sleep(LOOK_MS, options)
      waitedMs += LOOK_MS
    }
  } catch (error) {
    if (waiting.last !== undefined && options.signal.aborted) await giveUp(context, { wasMember, progress: waiting.last })
    throw error
  }
}

/** Ends this node's membership: the others wipe its pieces and start a key generation without it. */
export async function leaveCustody(context: PiecesContext, options: CallOptions): Promise<Result<unknown>> {
  const { custody, self } = custodyView(context)
  const member = custody.members.get(self.path)
  const left =
    member === undefined
      ? refuse("MEMBER_UNKNOWN", `${self.path} is no member; there is nothing to leave`)
      : await state(context, { kind: "custody-left", body: { revision: member.revision + 1 } }, options)
  if (!left.ok && left.code !== "MEMBER_UNKNOWN") return left
  // Also one that is none just now would be a member again when its node is another.
  const forgotten = await forgetMembership(context.storage, options)
  return forgotten.ok ? left : forgotten
}

async function announce(context: PiecesContext, { evidence, unlock }: JoinOrder, options: CallOptions): Promise<Result<unknown>> {
  await refreshReplica(context, options)
  const known = custodyView(context).custody.members.get(context.keystore.identity().path)?.evidence
  const demand = await demandOf(context, evidence, known, options)
  return demand.ok ? await announceMembership(context, { unlock, ...demand.value }, options) : demand
}

/** What is said of evidence: what was ordered, or what was said before. */
async function demandOf(
  context: PiecesContext,
  order: JoinOrder["evidence"],
  before: EvidenceDemand | undefined,
  options: CallOptions,
): Promise<Result<{ readonly evidence?: EvidenceDemand }>> {
  if (order === "none") return ok({})
  if (order === undefined) return ok(before === undefined ? {} : { evidence: before })
  const demand = await demandEvidence(context, order, before, options)
  return demand.ok ? ok({ evidence: demand.value }) : demand
}

function progressOf({ context, desk, keeper }: Joining, custody: CustodyState): JoinProgress {
  const { path } = context.keystore.identity()
  const generation = [startingGeneration(custody), currentGeneration(custody)].find(
    (each): each is GenerationState => each !== undefined && indexIn(custody, each, path) !== undefined,
  )
  if (generation === undefined) return { step: "announced", given: 0, received: 0, ...needs(custody.members.size), missing: [] }
  const { needed, others } = needs(generation.members.length)
  const { sharing } = keeper.progress
  const ledger = generation.sharings.get(path)
  const given = Math.max(ledger?.held.length ?? 0, sharing?.generation === generation.generation ? sharing.given : 0)
  const owners = new Set(desk.pieces().flatMap((piece) => (piece.generation === generation.generation ? [piece.owner] : [])))
  const taken = new Set(ledger?.held.map((index) => generation.members[index - 1]?.path))
  const missing = generation.members
    .map((member) => member.path)
    .filter((other) => other !== path && !(taken.has(other) && owners.has(other)))
  const hasReceived = owners.size >= others
  const isDistributed = ledger !== undefined && given >= needed
  const step = !isDistributed ? "announced" : !hasReceived ? "distributed" : generation.completedAt === undefined ? "received" : "complete"
  return { step, generation: generation.generation, given, received: owners.size, needed, others, missing }
}

/** What is needed among so many members. This node's own key counts: a majority of all, it included, has to share, and the others of these give it a piece. */
function needs(members: number): Pick<JoinProgress, "needed" | "others"> {
  return { needed: piecesNeeded(members), others: majorityOf(members) - 1 }
}

/** Leaves nothing at anybody: first the generation, then the membership. */
async function giveUp(
  context: PiecesContext,
  { progress, wasMember }: { readonly progress: JoinProgress; readonly wasMember: boolean },
): Promise<Refusal> {
  const options = { signal: AbortSignal.timeout(LEAVE_TIMEOUT_MS) }
  const starting = startingGeneration(custodyView(context).custody)
  const undone: Result<unknown>[] = []
  if (starting !== undefined && starting.generation === progress.generation)
    undone.push(await state(context, { kind: "generation-aborted", body: { generation: starting.generation } }, options))
  // Who was a member before stays one, with the key generation that it had.
  if (!wasMember) undone.push(await leaveCustody(context, options))
  const failure = undone.find((each) => !each.ok)
  const left = failure === undefined || failure.ok ? "all of it was undone" : `undoing it failed (${failure.code}: ${failure.message})`
  return refuse("CUSTODY_JOIN_FAILED", `${stepText(progress)}; ${missingText(progress)}; ${left}, so try again when they are on`)
}

function stepText({ given, needed, others, received, step }: JoinProgress): string {
  switch (step) {
    case "announced":
      return `${given} of ${needed} members that are needed took a piece of this node`
    case "distributed":
      return `this node got pieces of ${received} of ${others} members that are needed`
    default:
      return `a majority, ${others + 1} members, did not share in the key generation`
  }
}

function missingText({ missing }: JoinProgress): string {
  return missing.length === 0 ? "nobody started a key generation" : `missing: ${missing.join(", ")}`
}
