import { equalBytes, refuse, toHex, unreachable, type Refusal, type Result } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import { pieceReceiptBytes } from "@keygrove/pieces"
import {
  admitContributions,
  admitMove,
  admitOffer,
  admitReturn,
  callingMember,
  callingOwner,
  decodePieceRequest,
  encodePieceAnswer,
  isApproved,
  judgeKept,
  takeToken,
  type PieceAnswer,
  type PieceRequest,
  type Rate,
  type TokenBucket,
} from "@keygrove/peering"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { StoredPiece } from "../ports/piece-keys.ts"
import { Turns } from "../turns.ts"
import { custodyView } from "./custody-view.ts"
import { joinSubpieces, shareAnew } from "./moved-pieces.ts"
import { PieceRecords, type PieceRecord } from "./piece-records.ts"
import type { PiecesContext } from "./pieces-context.ts"
import { UnlockApprovals, type WaitingUnlock } from "./unlock-approvals.ts"
import { UnlockChallenges } from "./unlock-challenges.ts"
import { UnlockCounts } from "./unlock-counts.ts"

/** Requests of one caller; each costs a few multiplications. */
const CALLER_RATE: Rate = { burst: 512, perSecond: 64 }
/** Callers whose rate is remembered; the longest unused is forgotten first. */
const MAX_METERED_CALLERS = 1_024

type RequestOf<Op extends PieceRequest["op"]> = Extract<PieceRequest, { readonly op: Op }>

/**
 * Serves protocol `pieces`: keeps the pieces of others, gives each back to its owner's boot key and to nobody else, takes part in moving those of owners that are off, and proves what it
 * keeps. What is acknowledged is durable: persist, then sign, then answer.
 */
export class PieceDesk implements AsyncDisposable {
  readonly #context: PiecesContext
  readonly #records: PieceRecords
  readonly #counts: UnlockCounts
  readonly #approvals: UnlockApprovals
  readonly #challenges: UnlockChallenges
  readonly #serving: Disposable
  readonly #buckets: Map<string, TokenBucket> = new Map()
  /** One change at a time for each owner and key generation, so that no two pieces of one can be kept. */
  readonly #turns = new Turns()

  private constructor(context: PiecesContext, records: PieceRecords) {
    this.#context = context
    this.#records = records
    this.#counts = new UnlockCounts(context)
    this.#approvals = new UnlockApprovals(context)
    this.#challenges = new UnlockChallenges(context)
    this.#serving = context.transport.serve("pieces", async ({ body, from }, options) => {
      const request = decodePieceRequest(body)
      return encodePieceAnswer(request.ok ? await this.answer(from, request.value, options) : refusedBy(request))
    })
  }

  /** Reads what is kept and begins to serve. */
  static async open(context: PiecesContext, options: CallOptions): Promise<Result<PieceDesk>> {
    const records = await PieceRecords.open(context.storage, context.primitives, options)
    return records.ok ? { ok: true, value: new PieceDesk(context, records.value) } : records
  }

  /** The pieces that are kept now. */
  pieces(): readonly PieceRecord[] {
    return this.#records.all()
  }

  /** Locked nodes that asked this one and want an approval. */
  waiting(): readonly WaitingUnlock[] {
    return this.#approvals.waiting()
  }

  /** Approves a request of a locked node, by its first 8 hex digits at least. Refuses `UNLOCK_REQUEST_UNKNOWN`. */
  async approve(owner: NodePath, digits: string, options: CallOptions): Promise<Result<WaitingUnlock>> {
    return await this.#approvals.approve(owner, digits, options)
  }

  /** Forgets a piece for good, unless another one has taken its place. */
  async wipe(record: PieceRecord, options: CallOptions): Promise<Result<true>> {
    return await this.#turns.take(turnOf(record), async () => {
      if (this.#records.get(record) !== record) return { ok: true, value: true }
      return await this.#records.remove(record, options)
    })
  }

  /** Answers a request of whoever has this key, of this node itself too: a member does not call itself over the network. */
  async answer(from: Uint8Array, request: PieceRequest, options: CallOptions): Promise<PieceAnswer> {
    if (!this.#meter(from)) return refusedBy(refuse("RATE_LIMITED", `more than ${CALLER_RATE.perSecond} requests a second; wait a moment`))
    let answer = await this.#perform(from, request, options)
    // What is refused because the ledger does not show it yet may have been written a moment ago: the ledger is asked once.
    if ("ok" in answer && NEWS_MAY_HELP.has(answer.code) && (await refreshReplica(this.#context, options)))
      answer = await this.#perform(from, request, options)
    return "ok" in answer ? refusedBy(answer) : answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#serving[Symbol.dispose]()
  }

  async #perform(from: Uint8Array, request: PieceRequest, options: CallOptions): Promise<PieceAnswer | Refusal> {
    switch (request.op) {
      case "offer":
        return await this.#keep(from, request, options)
      case "return":
        return await this.#giveBack(from, request, options)
      case "subshare":
        return await this.#subshare(from, request, options)
      case "redistribute":
        return await this.#combine(from, request, options)
      case "prove":
        return await this.#prove(from, request, options)
      case "approvals": {
        const owner = callingOwner(custodyView(this.#context), from, request.owner)
        return owner.ok ? { kind: "approvals", approvals: this.#approvals.given(request.owner, request.request) } : owner
      }
      case "challenge": {
        const owner = callingOwner(custodyView(this.#context), from, request.owner)
        return owner.ok ? { kind: "challenge", nonce: this.#challenges.give(request.owner, request.request) } : owner
      }
      default:
        return unreachable(request)
    }
  }

  async #keep(from: Uint8Array, offer: RequestOf<"offer">, options: CallOptions): Promise<PieceAnswer | Refusal> {
    const { keystore, primitives } = this.#context
    const admit = (): ReturnType<typeof admitOffer> => admitOffer(primitives, custodyView(this.#context), from, offer)
    const first = admit()
    if (!first.ok) return first
    const { cluster } = keystore.identity()
    const owner = first.value.owner.path
    const { commitments, generation, index, sealed, sender } = offer
    return await this.#turns.take(turnOf({ generation, owner }), async () => {
      const kept = judgeKept(this.#records.get({ cluster, generation, owner }), { sharing: first.value.sharing, attempt: 0 })
      if (!kept.ok) return kept
      const record = { cluster, owner, generation, sharing: first.value.sharing, commitments, index, attempt: 0 }
      if (kept.value === "has") return await this.#receipt(record, options)
      const sharing = { cluster, owner, generation, commitments }
      const accepted = await keystore.acceptPiece({ sharing, index, ownerSigningKey: sender, sealed }, options)
      if (!accepted.ok) return accepted
      return await this.#store({ ...record, stored: accepted.value }, admit, options)
    })
  }

  async #giveBack(from: Uint8Array, request: RequestOf<"return">, options: CallOptions): Promise<PieceAnswer | Refusal> {
    const { keystore, primitives } = this.#context
    const asked = admitReturn(custodyView(this.#context), from, request)
    if (!asked.ok) return asked
    // What this node has not read yet may say that the owner is revoked, or that its machine has to show itself. Where the ledger is out of reach, what it has read decides: else nobody could unlock
    // the host of the ledger.
    await refreshReplica(this.#context, options)
    const admitted = admitReturn(custodyView(this.#context), from, request)
    if (!admitted.ok) return admitted
    const { cluster } = keystore.identity()
    const { owner } = admitted.value
    const record = this.#records.get({ cluster, owner: owner.path, generation: request.generation })
    if (record === undefined || !equalBytes(record.sharing, request.sharing)) return notKept(request)
    // Before it is counted: who has a copy of the disk and not the machine uses up no unlocking of its owner, and bothers no person.
    const recipient = this.#challenges.judge(owner, request)
    if (!recipient.ok) return recipient
    const counted = await this.#counts.count({ cluster, path: owner.path }, request.request, options)
    if (!counted.ok) return counted
    const approvals = [...request.approvals, ...this.#approvals.given(owner.path, request.request)]
    const mayGive = (): boolean =>
      owner.unlock === "auto" || isApproved(primitives, custodyView(this.#context), owner, { approvals, request: request.request })
    if (!mayGive()) {
      this.#approvals.wait(owner.path, request.request)
      return { kind: "waiting" }
    }
    const order = { ...storedOf(record), request: request.request, ownerSealingKey: recipient.value }
    const sealed = await keystore.returnPiece(order, options)
    if (!sealed.ok) return sealed
    // The owner may have been revoked while the keystore worked.
    const still = admitReturn(custodyView(this.#context), from, request)
    if (!still.ok) return still
    this.#context.log(
      `gave ${owner.path} its key piece of generation ${request.generation} back, request ${toHex(request.request).slice(0, 8)}`,
    )
    return { kind: "piece", sealed: sealed.value }
  }

  async #subshare(from: Uint8Array, request: RequestOf<"subshare">, options: CallOptions): Promise<PieceAnswer | Refusal> {
    const view = custodyView(this.#context)
    const move = admitMove(view, from, request)
    if (!move.ok) return move
    const record = this.#records.get({ cluster: view.self.cluster, owner: request.owner, generation: request.from })
    if (record === undefined || !equalBytes(record.sharing, move.value.sharing)) return notKept(request)
    return await shareAnew(this.#context, { view, move: move.value, piece: storedOf(record) }, options)
  }

  async #combine(from: Uint8Array, request: RequestOf<"redistribute">, options: CallOptions): Promise<PieceAnswer | Refusal> {
    const { generation, owner } = request
    return await this.#turns.take(turnOf({ generation, owner }), async () => {
      const view = custodyView(this.#context)
      const move = admitMove(view, from, request)
      if (!move.ok) return move
      const admitted = admitContributions(view, move.value, request.contributions)
      if (!admitted.ok) return admitted
      const joined = await joinSubpieces(this.#context, { view, move: move.value, request }, options)
      if (!("sharing" in joined)) return joined
      const kept = judgeKept(this.#records.get(joined), joined)
      if (!kept.ok) return kept
      if (kept.value === "has") return await this.#receipt(joined, options)
      return await this.#store(joined, () => admitMove(custodyView(this.#context), from, request), options)
    })
  }

  async #prove(from: Uint8Array, request: RequestOf<"prove">, options: CallOptions): Promise<PieceAnswer | Refusal> {
    const view = custodyView(this.#context)
    const member = callingMember(view, from)
    if (!member.ok) return member
    const record = this.#records.get({ cluster: view.self.cluster, owner: request.owner, generation: request.generation })
    if (record === undefined || !equalBytes(record.sharing, request.sharing)) return notKept(request)
    const proof = await this.#context.keystore.provePiece({ ...storedOf(record), challenge: request.challenge }, options)
    return proof.ok ? { kind: "proof", proof: proof.value } : proof
  }

  /** Keeps a piece and acknowledges it, unless the ledger has overtaken it meanwhile: then nothing of it is left. */
  async #store(record: PieceRecord, admit: () => Result<unknown>, options: CallOptions): Promise<PieceAnswer | Refusal> {
    const written = await this.#records.put(record, options)
    if (!written.ok) return written
    const still = admit()
    if (still.ok) return await this.#receipt(record, options)
    const removed = await this.#records.remove(record, options)
    return removed.ok ? still : removed
  }

  async #receipt(record: Omit<PieceRecord, "stored">, options: CallOptions): Promise<PieceAnswer | Refusal> {
    const { keystore } = this.#context
    const signature = await keystore.sign("message", pieceReceiptBytes({ ...record, holder: keystore.identity().path }), options)
    return signature.ok ? { kind: "receipt", signature: signature.value } : signature
  }

  #meter(from: Uint8Array): boolean {
    const caller = toHex(from)
    const { bucket, taken } = takeToken(this.#buckets.get(caller), CALLER_RATE, this.#context.clock.now())
    this.#buckets.delete(caller)
    this.#buckets.set(caller, bucket)
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > MAX_METERED_CALLERS && oldest !== undefined) this.#buckets.delete(oldest)
    return taken
  }
}

/** A record as the keystore takes it. */
function storedOf({ cluster, commitments, generation, index, owner, stored }: PieceRecord): StoredPiece {
  return { sharing: { cluster, owner, generation, commitments }, index, stored }
}

function turnOf({ generation, owner }: Pick<PieceRecord, "generation" | "owner">): string {
  return `${generation} ${owner}`
}

function notKept({ owner }: { readonly owner: NodePath }): Refusal<"PIECE_UNKNOWN"> {
  return refuse("PIECE_UNKNOWN", `no piece of this sharing of ${owner} is kept here; ask another holder`)
}

function refusedBy({ code, message }: Refusal): PieceAnswer {
  return { kind: "refused", code: PEER_CODES.has(code) ? code : "PIECES_FAILED", message }
}

const NEWS_MAY_HELP: ReadonlySet<string> = new Set([
  "MEMBER_UNKNOWN",
  "KEY_GENERATION_UNKNOWN",
  "KEY_GENERATION_FOREIGN",
  "PIECE_OFFER_INVALID",
  "REDISTRIBUTION_ATTEMPT_WRONG",
  "REDISTRIBUTION_CONTRIBUTIONS_WRONG",
  "SHARING_MOVING",
  "SHARING_UNKNOWN",
  "UNLOCK_NOT_OWNER",
  "UNLOCK_GENERATION",
])

/** Codes that a peer may see; others would tell it about this node's inside. */
const PEER_CODES: ReadonlySet<string> = new Set([
  ...NEWS_MAY_HELP,
  "EVIDENCE_INVALID",
  "EVIDENCE_KEY_WRONG",
  "EVIDENCE_MEASUREMENT_WRONG",
  "EVIDENCE_MISSING",
  "EVIDENCE_STALE",
  "PIECES_MESSAGE_INVALID",
  "RATE_LIMITED",
  "PIECE_CONFLICT",
  "PIECE_INVALID",
  "PIECE_UNKNOWN",
  "SUBPIECE_INVALID",
  "UNLOCK_REVOKED",
  "UNLOCK_TOO_OFTEN",
])
