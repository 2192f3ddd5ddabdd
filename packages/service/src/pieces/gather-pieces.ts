import { toHex, type RandomBytes, type Refusal } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { NodePath } from "@keygrove/hierarchy"
import type { LedgerState } from "@keygrove/ledger"
import type { CarriedEvidence, CustodyView, UnlockApproval } from "@keygrove/peering"
import { decodePieceIndex, membersOf, type PieceHolder, type PieceIndex, type PlacedSharing } from "@keygrove/pieces"
import type { CallOptions } from "../ports/call-options.ts"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { LedgerReplica } from "../ledger/replica.ts"
import type { Attester } from "../ports/attester.ts"
import type { Clock } from "../ports/clock.ts"
import type { Keystore } from "../ports/keystore.ts"
import type { LockedKeystore, PieceKeys, ReturnedPiece } from "../ports/piece-keys.ts"
import type { PeerAddress, Transport } from "../ports/transport.ts"
import { nodeOf, peerOf } from "./custody-view.ts"
import { EvidenceRound } from "./evidence-round.ts"
import { askMember } from "./piece-client.ts"

/** What a locked node works with. Nothing here is owned by it. */
export interface UnlockSources {
  readonly keystore: LockedKeystore
  /** Of this machine. */
  readonly attester: Attester
  readonly primitives: Pick<Primitives, "sha256">
  /** Under the boot key. */
  readonly transport: Pick<Transport, "request">
  readonly replica: LedgerReplica
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: (line: string) => void
}

/** What unlocking came to. */
export interface UnlockedByPieces {
  readonly keystore: Keystore & PieceKeys
  /** Who sent a wrong piece. */
  readonly liars: readonly NodePath[]
}

/** What came of asking one holder. */
export type HolderAnswer =
  | { readonly kind: "piece"; readonly path: NodePath; readonly piece: ReturnedPiece }
  | { readonly kind: "waiting"; readonly path: NodePath }
  | { readonly kind: "refused" | "unreachable"; readonly path: NodePath; readonly reason: string }
  /** It was not asked for the piece, as this machine has not the evidence that it will want. */
  | { readonly kind: "unproved"; readonly path: NodePath; readonly refusal: Refusal }

interface GatherOrder {
  readonly view: CustodyView
  readonly placed: PlacedSharing
  readonly request: Uint8Array
  readonly approvals: readonly UnlockApproval[]
}

/** What a round of asking came to. */
export type Gathered =
  | ({ readonly kind: "unlocked" } & UnlockedByPieces)
  /** Not yet: these holders have answered so far. */
  | { readonly kind: "missing"; readonly answers: readonly HolderAnswer[] }
  /** The keystore refuses for a reason that no further piece changes. */
  | { readonly kind: "failed"; readonly answers: readonly HolderAnswer[]; readonly refusal: Refusal }

/**
 * Asks all holders of a sharing at once for their pieces, and unlocks as soon as enough right ones are there: the slowest are never waited for. Whoever sent a wrong piece is named, and its
 * piece left out.
 */
export async function gatherPieces(sources: UnlockSources, order: GatherOrder, options: CallOptions): Promise<Gathered> {
  const { custody, self } = order.view
  const holders = membersOf(custody, order.placed.generation).filter(({ member }) => member.path !== self.path)
  const over = new AbortController()
  const signal = AbortSignal.any([options.signal, over.signal])
  const arrivals = new Arrivals()
  const evidence = evidenceFor(sources, order, holders.length, { signal })
  const asking = holders.map(async (holder) => arrivals.add(await askHolder({ ...sources, evidence }, order, holder, { signal })))
  const all = Promise.allSettled(asking).then(() => arrivals.end())
  try {
    return await combine(sources, order, arrivals, options)
  } finally {
    over.abort()
    await all
  }
}

/** Tries with what has come whenever it may be enough. */
async function combine(sources: UnlockSources, order: GatherOrder, arrivals: Arrivals, options: CallOptions): Promise<Gathered> {
  const { placed, request, view } = order
  const { cluster, path } = view.self
  const { commitments } = placed.sharing
  const liars = new Set<NodePath>()
  const sharing = { cluster, owner: path, generation: placed.generation.generation, commitments }
  for (;;) {
    const isOver = await arrivals.next()
    options.signal.throwIfAborted()
    const answers = arrivals.all.map((answer) => (liars.has(answer.path) ? wrongPiece(answer.path) : answer))
    const pieces = answers.flatMap((answer) => (answer.kind === "piece" ? [answer.piece] : []))
    if (pieces.length >= commitments.length) {
      const unlocked = await sources.keystore.unlock({ sharing, request, pieces }, options)
      await nameLiars(sources, order, { indices: unlocked.ok ? unlocked.value.liars : liarsIn(unlocked), liars }, options)
      if (unlocked.ok) return { kind: "unlocked", keystore: unlocked.value.keystore, liars: [...liars] }
      if (unlocked.code !== "PIECES_INSUFFICIENT") return { kind: "failed", answers, refusal: unlocked }
      if (liarsIn(unlocked).length > 0) continue
    }
    if (isOver) return { kind: "missing", answers }
  }
}

/** What the ledger asks of this machine, in one round; `undefined` when that is nothing. */
function evidenceFor(
  { attester, keystore, primitives }: UnlockSources,
  { placed, request, view }: GatherOrder,
  holders: number,
  options: CallOptions,
): EvidenceRound | undefined {
  const { cluster, path } = view.self
  const demand = view.custody.members.get(path)?.evidence
  if (demand === undefined) return undefined
  const unlock = { cluster, owner: path, bootSigningKey: keystore.bootKeys.signingKey, request }
  const subject = { attester, primitives, unlock, demand, sealingKey: keystore.freshSealingKey }
  return new EvidenceRound(subject, { holders, needed: placed.sharing.commitments.length }, options)
}

interface AskSources extends Pick<UnlockSources, "transport"> {
  readonly evidence: EvidenceRound | undefined
}

async function askHolder(
  sources: AskSources,
  order: GatherOrder,
  { index, member }: PieceHolder,
  options: CallOptions,
): Promise<HolderAnswer> {
  const { approvals, placed, request, view } = order
  const { path } = member
  const peer = peerOf(view, member)
  if (peer === undefined) {
    sources.evidence?.miss()
    return { kind: "unreachable", path, reason: "it is no node any more" }
  }
  const proof = await proveTo(sources, { order, peer }, options)
  if ("kind" in proof) return { ...proof, path }
  const { generation } = placed.generation
  const asked = { op: "return", owner: view.self.path, generation, sharing: placed.sharing.id, request, approvals, ...proof } as const
  const answer = await askMember(sources.transport, peer, asked, options)
  if (!answer.ok) return { ...refusedAs(answer), path }
  if (answer.value.kind === "waiting") return { kind: "waiting", path }
  return { kind: "piece", path, piece: { index, holderSigningKey: peer.signingKey, sealed: answer.value.sealed } }
}

type Unanswered = Omit<Extract<HolderAnswer, { readonly kind: "refused" | "unreachable" }>, "path">
type Unproved = Omit<Extract<HolderAnswer, { readonly kind: "unproved" }>, "path">

/** What a holder is shown of this machine; nothing when the ledger asks for nothing. */
async function proveTo(
  { evidence, transport }: AskSources,
  { order, peer }: { readonly order: GatherOrder; readonly peer: PeerAddress },
  options: CallOptions,
): Promise<{ readonly evidence?: CarriedEvidence } | Unanswered | Unproved> {
  if (evidence === undefined) return {}
  const { request, view } = order
  const asked = askMember(transport, peer, { op: "challenge", owner: view.self.path, request }, options)
  const challenge = await asked.catch((error: unknown) => {
    evidence.miss()
    throw error
  })
  if (!challenge.ok) {
    evidence.miss()
    return refusedAs(challenge)
  }
  const shown = await evidence.show(challenge.value.nonce)
  return shown.ok ? { evidence: shown.value } : { kind: "unproved", refusal: shown }
}

function refusedAs(answer: Refusal): Unanswered {
  return { kind: isOfLine(answer) ? "unreachable" : "refused", reason: `${answer.code}: ${answer.message}` }
}

/** Leaves holders out of this round, and names them, but those that have rekeyed while they were asked: they are asked again under their new keys. */
async function nameLiars(
  sources: UnlockSources,
  { placed, view }: GatherOrder,
  { indices, liars }: { readonly indices: readonly PieceIndex[]; readonly liars: Set<NodePath> },
  options: CallOptions,
): Promise<void> {
  if (indices.length === 0) return
  const keyIn = (state: LedgerState, path: NodePath): string | undefined => {
    const key = nodeOf({ state, self: view.self }, path)?.keys.signingKey
    return key === undefined ? undefined : toHex(key)
  }
  await refreshReplica(sources, options)
  for (const index of indices) {
    const path = placed.generation.members[index - 1]?.path
    if (path === undefined || liars.has(path)) continue
    liars.add(path)
    if (keyIn(sources.replica.state, path) !== keyIn(view.state, path)) continue
    sources.log(`${path} sent a key piece of generation ${placed.generation.generation} that is not the one it was given; it is left out`)
  }
}

function wrongPiece(path: NodePath): HolderAnswer {
  return { kind: "refused", path, reason: "PIECE_INVALID: it sent a wrong piece" }
}

/** The indices that a refusal of the keystore names. */
function liarsIn({ code, data }: Refusal): readonly PieceIndex[] {
  const named = code === "PIECES_INSUFFICIENT" ? data?.["liars"] : undefined
  if (typeof named !== "string" || named === "") return []
  return named.split(",").flatMap((digits) => {
    const index = decodePieceIndex(Number(digits))
    return index.ok ? [index.value] : []
  })
}

/** Whether there was no answer, rather than one that refuses. */
function isOfLine({ code }: Refusal): boolean {
  return code.startsWith("PEER_") || code === "MESSAGE_TOO_LONG"
}

/** Answers in the order in which they come, each waking whoever waits for the next. */
class Arrivals {
  readonly all: HolderAnswer[] = []
  #seen = 0
  #isOver = false
  #next: PromiseWithResolvers<void> = Promise.withResolvers()

  add(answer: HolderAnswer): void {
    this.all.push(answer)
    this.#wake()
  }

  end(): void {
    this.#isOver = true
    this.#wake()
  }

  /** Resolves when there is another answer, or when none will come: then with `true`. */
  async next(): Promise<boolean> {
    while (this.#seen === this.all.length && !this.#isOver) await this.#next.promise
    this.#seen = this.all.length
    return this.#isOver
  }

  #wake(): void {
    this.#next.resolve()
    this.#next = Promise.withResolvers()
  }
}
