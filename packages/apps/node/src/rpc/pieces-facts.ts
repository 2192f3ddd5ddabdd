import { toHex } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { KeyGenerationFacts, OwnPieces, PiecesEvidence, PiecesJoining, PiecesNode, PiecesStatus, PieceWaits } from "@keygrove/api"
import type { NodePath } from "@keygrove/hierarchy"
import {
  currentGeneration,
  holdersOf,
  MIN_CUSTODY_MEMBERS,
  sharingsOf,
  startingGeneration,
  thresholdOf,
  type EvidenceDemand,
  type GenerationState,
} from "@keygrove/pieces"
import { custodyReport, type CustodyWaits, type MemberReport } from "@keygrove/service"
import type { NodePieces } from "../runtime/open-pieces.ts"
import type { PiecesMembership } from "../runtime/pieces-membership.ts"

/** What there is to say about key pieces. `on` are the members that answered now; `undefined` when nobody was asked. */
export function piecesStatus({ context, keeper, membership, view }: NodePieces, on: ReadonlySet<NodePath> | undefined): PiecesStatus {
  const { custody, self } = view()
  const nodes = custodyReport(context).members.map((member) => nodeFacts(member, self.path, on))
  const { kept, liars, moves, sharing, troubles } = keeper.progress
  return {
    cluster: self.cluster,
    path: self.path,
    isMember: custody.members.has(self.path),
    members: custody.members.size,
    fewest: MIN_CUSTODY_MEMBERS,
    generation: generationFacts(currentGeneration(custody)),
    starting: generationFacts(startingGeneration(custody)),
    nodes,
    joining: joiningFacts(membership),
    sharing: sharing ?? null,
    kept: kept.length,
    moves,
    waits: waitFacts(context.waits),
    troubles: troubles.map(({ duty, refusal }) => `could not ${duty}: ${refusal.code}: ${refusal.message}`),
    liars,
  }
}

function waitFacts({ attemptMs, generationMs, joinMs, ownerMs }: CustodyWaits): PieceWaits {
  return {
    ownerSeconds: ownerMs / 1_000,
    attemptSeconds: attemptMs / 1_000,
    generationSeconds: generationMs / 1_000,
    joinSeconds: joinMs / 1_000,
  }
}

/** How this node's own pieces are, by the ledger; null when it is no member. */
export function ownPieces({ view }: NodePieces): OwnPieces | null {
  const { custody, self } = view()
  const member = custody.members.get(self.path)
  if (member === undefined) return null
  const [best] = sharingsOf(custody, self.path)
    .map((placed) => ({ placed, holders: holdersOf(custody, placed).length }))
    .toSorted((a, b) => b.holders - thresholdOf(b.placed.generation) - (a.holders - thresholdOf(a.placed.generation)))
  const terms = { unlock: member.unlock, needsEvidence: member.evidence !== undefined }
  if (best === undefined) return { ...terms, generation: null, holders: 0, needed: 0 }
  const { generation } = best.placed
  return { ...terms, generation: generation.generation, holders: best.holders, needed: thresholdOf(generation) }
}

function generationFacts(generation: GenerationState | undefined): KeyGenerationFacts | null {
  if (generation === undefined) return null
  const { members, sharings } = generation
  return { generation: generation.generation, members: members.length, needed: thresholdOf(generation), shared: sharings.size }
}

function nodeFacts(
  { evidence, losses, path, sharings, unlock }: MemberReport,
  self: NodePath,
  on: ReadonlySet<NodePath> | undefined,
): PiecesNode {
  const isOn = (holder: NodePath): boolean | null => on?.has(holder) ?? null
  const ways = sharings.map(({ generation, holders, movedBy, needed }) => ({
    generation,
    needed,
    holders: holders.map((holder) => ({ path: holder.path, isOn: isOn(holder.path) })),
    movedBy: movedBy ?? null,
  }))
  const canUnlock = ways.some(({ holders, needed }) => holders.filter((holder) => holder.isOn === true).length >= needed)
  const named = { path, self: path === self, unlock, evidence: evidenceFacts(evidence) }
  return { ...named, isOn: isOn(path), sharings: ways, canUnlock: on === undefined ? null : canUnlock, losses }
}

function evidenceFacts(demand: EvidenceDemand | undefined): PiecesEvidence | null {
  if (demand === undefined) return null
  const { attestationKey, digests, family, pcrs } = demand
  return { family, key: toHex(nativePrimitives.sha256(attestationKey)), pcrs, digests: digests.map(toHex) }
}

function joiningFacts({ outcome, progress }: PiecesMembership): PiecesJoining | null {
  const problem = outcome?.ok === false ? { code: outcome.code, message: outcome.message } : null
  const state = outcome === undefined ? "running" : outcome.ok ? outcome.value.kind : "failed"
  if (progress === undefined)
    return outcome === undefined ? null : { state, step: null, given: 0, received: 0, needed: 0, others: 0, missing: [], problem }
  const { given, missing, needed, others, received, step } = progress
  return { state, step, given, received, needed, others, missing, problem }
}
