import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import { decodeTimestamp, type NodePath, type Timestamp } from "@keygrove/hierarchy"
import { isKeyOf, type AnswerTo, type CarriedContribution } from "@keygrove/peering"
import {
  currentGeneration,
  decodeCommitments,
  encodeCommitments,
  holdersOf,
  membersOf,
  movableInto,
  nextAttempt,
  pieceReceiptBytes,
  redistributedCommitments,
  sharingIdOf,
  sharingsOf,
  startingGeneration,
  thresholdOf,
  verifySubsharing,
  type Commitments,
  type GenerationState,
  type PieceHolder,
  type PieceIndex,
  type PieceReceipt,
  type PlacedSharing,
} from "@keygrove/pieces"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { MAX_PAUSE_MS, rankOf, remainingMs, state, type CustodyRound, type DutyOutcome } from "./custody-round.ts"
import { custodyView, nodeOf, peerOf } from "./custody-view.ts"
import { movePlaceMs } from "./custody-waits.ts"
import { asAnswer, askMember, type RequestOf } from "./piece-client.ts"

/** Longest that an attempt has to end. */
const LAST_ATTEMPT_MS = 7_200_000
/** Owners whose complaints are remembered. */
const MAX_MOVES = 255

/** A move that this node begins, unless the owner shares by itself or another member is faster. */
export interface AwaitedMove {
  readonly owner: NodePath
  /** The key generation that it moves to. */
  readonly generation: number
  /** Attempts that were begun and have not ended. */
  readonly attempts: number
  /** When, by this node's clock. */
  readonly dueAt: Timestamp
}

/** A move of one owner's sharing. */
interface Move {
  readonly owner: NodePath
  readonly attempt: number
  readonly from: PlacedSharing
  readonly to: GenerationState
}

/** What an old holder gave. */
interface GivenShares {
  readonly holder: PieceHolder
  readonly sender: Uint8Array
  readonly commitments: readonly Uint8Array[]
  readonly decoded: Commitments
  readonly sealedFor: ReadonlyMap<PieceIndex, Uint8Array>
}

/**
 * Moves the sharings of members that are off into the current key generation, together with their holders, so that the older ones can retire and their owners unlock with a majority of
 * the current members. Nobody learns a storage key or a piece of another by it. One owner at a time.
 */
export class Redistribution {
  /** How often new holders complained of an old holder, by owner; those with the fewest are taken first. */
  readonly #complaints: Map<NodePath, Map<NodePath, number>> = new Map()

  #awaited: readonly AwaitedMove[] = []

  /** What it waits for, as of its last look. */
  get awaited(): readonly AwaitedMove[] {
    return this.#awaited
  }

  /** One look: moves the first sharing that is due. */
  async work(round: CustodyRound, options: CallOptions): Promise<DutyOutcome> {
    const { context } = round
    const { custody } = custodyView(context)
    this.#awaited = []
    const to = currentGeneration(custody)
    if (to === undefined || startingGeneration(custody) !== undefined) return ok(MAX_PAUSE_MS)
    const owners = movableInto(custody, to).flatMap(({ owner }) => (owner === round.self.path ? [] : [owner]))
    // Of all of them, also where the first is due: what is not looked at in a round begins to wait anew.
    const waits = owners.map((owner) => ({ owner, leftMs: this.#leftMs(round, to, owner) }))
    const now = context.clock.now()
    this.#awaited = waits.map(({ leftMs, owner }) => {
      const dueAt = decodeTimestamp(now + leftMs)
      return { owner, generation: to.generation, attempts: to.attempts.get(owner)?.attempt ?? 0, dueAt: dueAt.ok ? dueAt.value : now }
    })
    const pauseMs = Math.min(MAX_PAUSE_MS, ...waits.flatMap(({ leftMs }) => (leftMs > 0 ? [leftMs] : [])))
    const owner = waits.find(({ leftMs }) => leftMs === 0)?.owner
    if (owner === undefined) return ok(pauseMs)
    const moved = await this.#move(round, to, owner, options)
    if (moved.ok) context.log(`moved the sharing of ${owner} to key generation ${to.generation}`)
    else context.log(`could not move the sharing of ${owner} to key generation ${to.generation}: ${moved.code}: ${moved.message}`)
    return ok(moved.ok ? 0 : pauseMs)
  }

  /** How long it still waits: for the owner, or for whoever began an attempt. */
  #leftMs(round: CustodyRound, to: GenerationState, owner: NodePath): number {
    const { context, sightings } = round
    const now = context.clock.now()
    const { attemptMs, ownerMs } = context.waits
    const placeMs = rankOf(round) * movePlaceMs(context.waits)
    const newest = to.attempts.get(owner)?.attempt
    const offMs = remainingMs(ownerMs + placeMs, sightings.ageMs(`off ${to.generation} ${owner}`, now))
    if (newest === undefined) return offMs
    const waitMs = Math.min(attemptMs * 2 ** Math.min(newest - 1, 16), LAST_ATTEMPT_MS) + placeMs
    return remainingMs(waitMs, sightings.ageMs(`attempt ${to.generation} ${owner} ${newest}`, now))
  }

  async #move(round: CustodyRound, to: GenerationState, owner: NodePath, options: CallOptions): Promise<Result<true>> {
    const { context } = round
    const { custody } = custodyView(context)
    const attempt = nextAttempt(to, owner)
    // When holders of the newest older sharing can not do it, those of the one before may.
    const older = sharingsOf(custody, owner).filter(({ generation }) => generation.generation < to.generation)
    const from = older[Math.floor((attempt - 1) / 2) % Math.max(1, older.length)]
    if (from === undefined) return refuse("SHARING_UNKNOWN", "no older sharing is left")
    const body = { owner, generation: to.generation, from: from.generation.generation, attempt }
    const started = await state(context, { kind: "redistribution-started", body }, options)
    if (!started.ok) return started
    const move: Move = { owner, attempt, from, to }
    const given = await this.#gather(round, move, options)
    if (!given.ok) return given
    const receipts = await this.#distribute(round, move, given.value, options)
    if (!receipts.ok) return receipts
    const { commitments, signed } = receipts.value
    const ended = { owner, generation: to.generation, from: body.from, commitments, receipts: signed }
    const said = await state(context, { kind: "pieces-redistributed", body: ended }, options)
    if (said.ok) this.#complaints.delete(owner)
    return said.ok ? ok(true) : said
  }

  /** The shares of as many old holders as the old sharing needs, of those first that nobody complained of. */
  async #gather(round: CustodyRound, move: Move, options: CallOptions): Promise<Result<readonly GivenShares[]>> {
    const { context } = round
    const view = custodyView(context)
    const from = decodeCommitments(context.primitives.curve, move.from.sharing.commitments)
    if (!from.ok) return from
    const holders = holdersOf(view.custody, move.from)
    const answers = await Promise.all(
      holders.map(async (holder) => await this.#subshare(round, { move, holder, from: from.value }, options)),
    )
    const given = answers.flatMap((answer) => (answer.ok ? [answer.value] : []))
    const needed = from.value.length
    if (given.length < needed) {
      const refused = answers.flatMap((answer, position) => (answer.ok ? [] : [`${holders[position]?.member.path ?? ""} (${answer.code})`]))
      return refuse("PIECES_INSUFFICIENT", `${given.length} of ${needed} holders of the old sharing took part; not: ${refused.join(", ")}`)
    }
    const complaints = this.#complaints.get(move.owner)
    const trust = ({ holder }: GivenShares): number => complaints?.get(holder.member.path) ?? 0
    return ok(given.toSorted((a, b) => trust(a) - trust(b)).slice(0, needed))
  }

  async #subshare(
    round: CustodyRound,
    { from, holder, move }: { readonly move: Move; readonly holder: PieceHolder; readonly from: Commitments },
    options: CallOptions,
  ): Promise<Result<GivenShares>> {
    const { context, liars } = round
    const { attempt, owner, to } = move
    const request = { op: "subshare", owner, from: move.from.generation.generation, generation: to.generation, attempt } as const
    const answer = await ask(round, holder, request, options)
    if (!answer.ok) return answer
    const { commitments, sender, subpieces } = answer.value
    const decoded = decodeCommitments(context.primitives.curve, commitments)
    const isRight =
      decoded.ok &&
      commitments.length === thresholdOf(to) &&
      verifySubsharing(context.primitives.curve, from, { index: holder.index, commitments: decoded.value })
    const isOwnKey = (): boolean => isKeyOf(custodyView(context), sender, holder.member)
    // It may have rekeyed a moment ago.
    if (!isRight || !(isOwnKey() || ((await refreshReplica(context, options)) && isOwnKey()))) {
      liars.name(holder.member.path, `it did not share its piece of ${owner} but something else`)
      return refuse("SUBPIECE_INVALID", "it did not share its piece of the old sharing")
    }
    const sealedFor = new Map(subpieces.map(({ index, sealed }) => [index, sealed]))
    return ok({ holder, sender, commitments, decoded: decoded.value, sealedFor })
  }

  /** Hands every new holder what it was given, and gathers the receipts of a majority of them. */
  async #distribute(
    round: CustodyRound,
    move: Move,
    given: readonly GivenShares[],
    options: CallOptions,
  ): Promise<Result<{ readonly commitments: readonly Uint8Array[]; readonly signed: readonly PieceReceipt[] }>> {
    const { context } = round
    const { curve } = context.primitives
    const view = custodyView(context)
    const from = decodeCommitments(curve, move.from.sharing.commitments)
    if (!from.ok) return from
    const contributions = given.map(({ decoded, holder }) => ({ index: holder.index, commitments: decoded }))
    const moved = redistributedCommitments(curve, from.value, thresholdOf(move.to), contributions)
    if (!moved.ok) return moved
    const commitments = encodeCommitments(curve, moved.value)
    const recipients = membersOf(view.custody, move.to).filter(({ member }) => member.path !== move.owner)
    const answers = await Promise.all(
      recipients.map(async (recipient) => await hand(round, { move, given, recipient, commitments }, options)),
    )
    const signed: PieceReceipt[] = []
    for (const [position, answer] of answers.entries()) {
      const recipient = recipients[position]
      if (recipient === undefined || !answer.ok) continue
      if (answer.value.kind === "receipt") signed.push({ index: recipient.index, signature: answer.value.signature })
      else this.#complain(round, { move, given, index: answer.value.index, by: recipient.member.path })
    }
    const needed = thresholdOf(move.to)
    if (signed.length >= needed) return ok({ commitments, signed: signed.toSorted((a, b) => a.index - b.index) })
    return refuse("PIECES_INSUFFICIENT", `${signed.length} of ${needed} new holders took their piece; it is tried again`)
  }

  /** Who of both lies, only the two know; whoever is complained of by most is left out next time. */
  #complain(
    { liars }: CustodyRound,
    {
      by,
      given,
      index,
      move: { owner },
    }: { readonly move: Move; readonly given: readonly GivenShares[]; readonly index: PieceIndex; readonly by: NodePath },
  ): void {
    const path = given.find(({ holder }) => holder.index === index)?.holder.member.path
    if (path === undefined) return
    const counts = this.#complaints.get(owner) ?? new Map<NodePath, number>()
    counts.set(path, (counts.get(path) ?? 0) + 1)
    this.#complaints.delete(owner)
    this.#complaints.set(owner, counts)
    const [oldest] = this.#complaints.keys()
    if (oldest !== undefined && this.#complaints.size > MAX_MOVES) this.#complaints.delete(oldest)
    liars.name(path, `its sub-piece of ${owner} is not what it committed to, says ${by}`)
  }
}

/** Hands one new holder its sub-pieces; its receipt has to hold. */
async function hand(
  round: CustodyRound,
  order: {
    readonly move: Move
    readonly given: readonly GivenShares[]
    readonly recipient: PieceHolder
    readonly commitments: readonly Uint8Array[]
  },
  options: CallOptions,
): Promise<Result<AnswerTo<"redistribute">>> {
  const { commitments, given, move, recipient } = order
  const { attempt, owner, to } = move
  const contributions = given.flatMap(({ commitments: own, holder, sealedFor, sender }): readonly CarriedContribution[] => {
    const sealed = sealedFor.get(recipient.index)
    return sealed === undefined ? [] : [{ index: holder.index, sender, commitments: own, sealed }]
  })
  if (contributions.length < given.length) return refuse("PIECES_INSUFFICIENT", "an old holder gave nothing for it")
  const from = move.from.generation.generation
  const request = { op: "redistribute", owner, from, generation: to.generation, attempt, contributions } as const
  const answer = await ask(round, recipient, request, options)
  if (!answer.ok || answer.value.kind === "complaint") return answer
  const { context, liars } = round
  const { cluster } = custodyView(context).self
  const sharing = sharingIdOf(context.primitives, { owner: { cluster, path: owner }, generation: to.generation, commitments })
  const holder = recipient.member.path
  const message = pieceReceiptBytes({ cluster, owner, generation: to.generation, sharing, index: recipient.index, holder, attempt })
  const { signature } = answer.value
  const isReceipt = (): boolean => {
    const node = nodeOf(custodyView(context), holder)
    return node !== undefined && context.primitives.ed25519.verify(node.keys.signingKey, message, signature)
  }
  if (isReceipt() || ((await refreshReplica(context, options)) && isReceipt())) return answer
  liars.name(holder, `its receipt for a moved piece of ${owner} is not signed by it`)
  return refuse("PIECE_RECEIPT_INVALID", "its receipt is not signed by it")
}

/** Asks a member, which may be this node itself: then without a line. */
async function ask<Op extends "subshare" | "redistribute">(
  { context, desk, self }: CustodyRound,
  { member }: PieceHolder,
  request: RequestOf<Op>,
  options: CallOptions,
): Promise<Result<AnswerTo<Op>>> {
  const own = context.keystore.identity().keys.signingKey
  if (member.path === self.path) return asAnswer(request.op, await desk.answer(own, request, options))
  const peer = peerOf(custodyView(context), member)
  if (peer === undefined || equalBytes(peer.signingKey, own)) return refuse("PEER_UNREACHABLE", "it is no node any more")
  return await askMember(context.transport, peer, request, options)
}
