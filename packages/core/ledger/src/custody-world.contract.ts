import { toHex, unwrap } from "@keygrove/base"
import { clusterIdOf, decodeGeneration, decodeNodePath, encodeRekeyStatement, ROOT_PATH, type NodePath } from "@keygrove/hierarchy"
import {
  currentGeneration,
  decodeKeyGeneration,
  findSharing,
  indexIn,
  membersOf,
  movableInto,
  nextAttempt,
  pieceReceiptBytes,
  sharingIdOf,
  sharingsOf,
  standingOfPiece,
  startingGeneration,
  thresholdOf,
  wipeableUpTo,
  type CustodyState,
  type CustodyStatement,
  type GenerationState,
  type KeyGeneration,
  type PieceReceipt,
  type ReceivedPiece,
} from "@keygrove/pieces"
import { anchorOf, fakeRekey, newMachine, takesPiece, type Happening, type WorldNode, type Written } from "./custody-machine.contract.ts"
import { fakeBytes, fakePoint, fakePrimitives, fakeSignature } from "./fake-primitives.contract.ts"
import { decodeLedgerIndex } from "./head.ts"
import type { CustodyEvent, ReceiptTruth } from "./naive-custody.contract.ts"
import { applyEntry, type Judgeable } from "./reducer.ts"
import { custodyOf, emptyState, findNode, type LedgerState } from "./state.ts"

const anchorKey = fakeBytes("root")
const cluster = clusterIdOf(fakePrimitives, anchorKey)
const PATHS: readonly NodePath[] = ["/a", "/b", "/b/x", "/c", "/d", "/e"].map((path) => unwrap(decodeNodePath(path)))

/** Makes something else of a statement, given what its author said of the kind before. */
type Slip = (meant: CustodyStatement, before: CustodyStatement | undefined, author: WorldNode) => CustodyStatement | undefined

/**
 * Machines of one cluster that keep each other's pieces as docs/protocol/pieces.md says, on a ledger that judges. Each acts on the part of the ledger that it knows; machines that are away know no more,
 * talk among themselves, and what they write arrives late. Deterministic.
 */
export class CustodyWorld {
  readonly states: LedgerState[]
  readonly events: CustodyEvent[] = []
  readonly nodes: WorldNode[]
  readonly happenings: Happening[] = []
  readonly #log: Written[] = []
  /** Everything that was ever written by anybody, to be repeated. */
  readonly #written: Written[] = []
  readonly #truths = new WeakMap<Uint8Array, { readonly piece: ReceivedPiece; readonly key: string }>()
  readonly #named = new Map<string, readonly Uint8Array[]>()
  readonly #ids = new WeakMap<
    readonly Uint8Array[],
    { readonly owner: NodePath; readonly generation: KeyGeneration; readonly id: Uint8Array }
  >()
  #slip: Slip | undefined
  #isLate = false
  #fresh = 0
  #lives = 0

  /** @param like a world without members in which nothing has happened: its certificates are taken over, which is cheaper than to make them again. */
  constructor(members: number, like?: CustodyWorld) {
    this.states = like === undefined ? [emptyState()] : [...like.states]
    this.nodes = PATHS.map((path) => this.#machine(path))
    if (like === undefined) {
      this.#append({ author: rootAuthor, statement: { kind: "cluster", body: { anchorKey } } }, [])
      for (const node of this.nodes) this.#certify(node)
    } else {
      this.events.push(...like.events)
      this.happenings.push(...like.happenings)
      this.#log.push(...like.#log)
    }
    for (const node of this.nodes.slice(0, members)) this.join(node)
  }

  get state(): LedgerState {
    return this.states.at(-1) ?? emptyState()
  }

  get custody(): CustodyState {
    return custodyOf(this.state, cluster)
  }

  readonly truth: ReceiptTruth = ({ signature }) => this.#truths.get(signature)

  idOf(owner: string, generation: number, commitments: readonly Uint8Array[]): string {
    return toHex(this.#idOf(unwrap(decodeNodePath(owner)), generationAt(generation), commitments))
  }

  /** The same entries, folded by somebody else from a state of before. */
  refold(from: number, state: LedgerState): LedgerState {
    return this.#log.slice(from).reduce((before, { entry }, offset) => this.#apply(before, from + offset, entry).state, state)
  }

  /** The part of the ledger that a node acts on. */
  view(node: WorldNode): CustodyState {
    if (!node.isAway) node.seen = this.#log.length
    return custodyOf(this.states[node.seen] ?? emptyState(), cluster)
  }

  /** @param terms picks how it may be unlocked. */
  join(node: WorldNode, boot = `${node.path} ${node.life}`, terms = 0): void {
    node.revision++
    const bootSigningKey = fakeBytes(`boot ${boot}`)
    const digests = Array.from({ length: 1 + (terms % 3) }, (_, place) => fakeBytes(`state ${terms + place}`))
    const evidence = { family: "tpm2" as const, attestationKey: fakeBytes(`machine ${node.path}`), pcrs: [0, 1 + (terms % 23)], digests }
    const body = {
      revision: node.revision,
      bootSigningKey,
      bootSealingKey: fakeBytes(`sealing ${boot}`),
      unlock: terms % 2 === 0 ? ("auto" as const) : ("approve" as const),
      ...(terms % 5 < 3 ? {} : { evidence }),
      addresses: [],
    }
    this.#write(node, { kind: "custody-joined", body })
  }

  leave(node: WorldNode): void {
    node.revision++
    this.#write(node, { kind: "custody-left", body: { revision: node.revision } })
  }

  start(node: WorldNode): void {
    this.#write(node, { kind: "generation-started", body: { generation: generationAt(this.view(node).lastGeneration + 1) } })
  }

  abort(node: WorldNode): void {
    const { generation } = startingGeneration(this.view(node)) ?? {}
    if (generation !== undefined) this.#write(node, { kind: "generation-aborted", body: { generation } })
  }

  /** Offers its pieces of the newest generation to those whom it reaches; the answers of some are lost. Says so when there are enough. */
  share(owner: WorldNode, lost: number, isOldKey = false): void {
    const custody = this.view(owner)
    const generation = startingGeneration(custody) ?? currentGeneration(custody)
    if (generation === undefined || indexIn(custody, generation, owner.path) === undefined) return
    const fresh = this.#points(`key of ${owner.path} ${owner.life}`, generation)
    const old = isOldKey ? sharingsOf(custody, owner.path)[0]?.sharing.commitments[0] : undefined
    owner.lies ||= old !== undefined
    const commitments = old === undefined ? fresh : [old, ...fresh.slice(1)]
    const answers = this.#offer(owner, generation, { owner: owner.path, attempt: 0, commitments, lost })
    if (answers.length < thresholdOf(generation) || generation.sharings.has(owner.path)) return
    const receipts = answers.map((answer) => answer())
    this.#write(owner, { kind: "pieces-shared", body: { generation: generation.generation, commitments, receipts } })
  }

  beginMove(node: WorldNode, which: number): void {
    const custody = this.view(node)
    const generation = currentGeneration(custody)
    const movable = generation === undefined ? [] : movableInto(custody, generation)
    const move = movable[which % Math.max(1, movable.length)]
    if (generation === undefined || move === undefined) return
    const attempt = nextAttempt(generation, move.owner)
    const body = { owner: move.owner, generation: generation.generation, from: move.from.generation.generation, attempt }
    this.#write(node, { kind: "redistribution-started", body })
  }

  /** @param trick a thief ends what another began; a forger's pieces are of another key. */
  endMove(node: WorldNode, which: number, { lost, trick }: { readonly lost: number; readonly trick?: "thief" | "forger" }): void {
    const custody = this.view(node)
    const generation = currentGeneration(custody)
    const own = [...(generation?.attempts.values() ?? [])].filter(({ by }) => (by === node.path) !== (trick === "thief"))
    const newest = own[which % Math.max(1, own.length)]
    if (generation === undefined || newest === undefined) return
    const { attempt, from, owner } = newest
    node.lies ||= trick !== undefined
    const before = trick === "forger" ? undefined : findSharing(custody, owner, from)
    const [first = fakePoint("another key"), ...fresh] = this.#points(`moved by ${node.path} ${this.#fresh++}`, generation)
    const commitments = [before?.commitments[0] ?? first, ...fresh]
    const answers = this.#offer(node, generation, { owner, attempt, commitments, lost })
    if (answers.length < thresholdOf(generation)) return
    const receipts = answers.map((answer) => answer())
    this.#write(node, { kind: "pieces-redistributed", body: { owner, generation: generation.generation, from, commitments, receipts } })
  }

  /** Says which pieces lie on its disk that the ledger does not know of. */
  hold(node: WorldNode): void {
    const custody = this.view(node)
    const held = [...node.pieces.values()].filter((piece) => {
      const generation = custody.generations.get(piece.generation)
      const index = generation === undefined ? undefined : indexIn(custody, generation, node.path)
      const sharing = generation?.sharings.get(piece.owner)
      return index !== undefined && sharing?.held.includes(index) === false && standingOfPiece(custody, node.path, piece) === "standing"
    })
    const body = held.map(({ generation, owner, sharing }) => ({ owner, generation, sharing }))
    if (body.length > 0) this.#write(node, { kind: "pieces-held", body: { held: body } })
  }

  /** Wipes what can never count any more, and says so. */
  sweep(node: WorldNode): void {
    const custody = this.view(node)
    for (const [key, piece] of node.pieces) if (standingOfPiece(custody, node.path, piece) === "over") node.pieces.delete(key)
    const upTo = wipeableUpTo(custody, node.path)
    if (upTo !== undefined) this.#wipe(node, upTo)
  }

  /** The disk is gone, with all pieces: it says so when it is there again. */
  loseDisk(node: WorldNode): void {
    const { lastGeneration } = this.view(node)
    if (lastGeneration > 0) this.#wipe(node, generationAt(lastGeneration))
  }

  crash(node: WorldNode): void {
    node.outbox.length = 0
  }

  depart(node: WorldNode): void {
    this.view(node)
    node.isAway = true
  }

  /** Is reached again, and brings what it wrote, in another order if it is asked. */
  comeBack(node: WorldNode, isTurned: boolean): void {
    node.isAway = false
    const late = node.outbox.splice(0)
    for (const written of isTurned ? late.toReversed() : late) this.#append(written.entry, [written.event])
  }

  rekey(node: WorldNode): void {
    const found = findNode(this.state, { cluster, path: node.path })
    if (found === undefined || node.isAway) return
    const before = node.key
    node.key = fakeBytes(`later key ${node.path} ${node.life} ${++this.#fresh}`)
    if (this.#append(...this.#rekeyOf(node)) !== "applied") node.key = before
  }

  /** Ends a node and those below it, by their parent or an ancestor; another machine comes in the place of each. */
  end(node: WorldNode, isReplaced: boolean): void {
    const found = findNode(this.state, { cluster, path: node.path })
    if (found === undefined) return
    if (!isReplaced) {
      const body = { path: node.path, generation: found.generation, reason: "retired" as const, isLast: true as const }
      this.#append({ author: rootAuthor, statement: { kind: "node-revoked", body } }, [{ kind: "ended", path: node.path }])
    }
    for (const [place, other] of this.nodes.entries())
      if (other.path === node.path || other.path.startsWith(`${node.path}/`)) {
        const machine = this.#machine(other.path)
        this.nodes[place] = machine
        if (other !== node || isReplaced) this.#certify(machine)
      }
  }

  /** A node that was revoked is certified again. */
  certifyAgain(node: WorldNode): void {
    if (findNode(this.state, { cluster, path: node.path }) === undefined) this.#certify(node)
  }

  replaceRoot(): void {
    const successor = fakeBytes("next root")
    const body = { successor: clusterIdOf(fakePrimitives, successor), anchorKey: successor }
    this.#append({ author: rootAuthor, statement: { kind: "root-replaced", body } }, [{ kind: "root-ended" }])
  }

  /** Something that was written before, by anybody, comes again. */
  repeat(which: number): void {
    const kinds = [...new Set(this.#written.map(({ entry }) => entry.statement?.kind))]
    const alike = this.#written.filter(({ entry }) => entry.statement?.kind === kinds[which % kinds.length])
    const written = alike[(which >> 4) % Math.max(1, alike.length)]
    if (written !== undefined) this.#append(written.entry, [written.event])
  }

  /** Says anything. Once its author has said so it is trusted no more. */
  babble(node: WorldNode, statement: CustodyStatement): void {
    node.lies = true
    this.#write(node, statement)
  }

  /** Whatever is written next is changed, and its author trusted no more. */
  slip(change: Slip): void {
    this.#slip = change
  }

  /** Whatever is written next does not come to the ledger before its author is brought back, though it hears of all that does. */
  delay(): void {
    this.#isLate = true
  }

  /** A receipt over anything, by its giver's own key. */
  receipt(holder: WorldNode, piece: Omit<ReceivedPiece, "cluster" | "holder">): PieceReceipt {
    const received = { ...piece, cluster, holder: holder.path }
    const signature = fakeSignature(holder.key, pieceReceiptBytes(received))
    this.#truths.set(signature, { piece: received, key: toHex(holder.key) })
    return { index: piece.index, signature }
  }

  /** Receipts of those who take the piece that they are offered, and whose answer is not lost. */
  #offer(
    by: WorldNode,
    generation: GenerationState,
    {
      attempt,
      commitments,
      lost,
      owner,
    }: { readonly owner: NodePath; readonly attempt: number; readonly commitments: readonly Uint8Array[]; readonly lost: number },
  ): readonly (() => PieceReceipt)[] {
    const sharing = this.#idOf(owner, generation.generation, commitments)
    const piece = { owner, generation: generation.generation, sharing, attempt }
    const answers: (() => PieceReceipt)[] = []
    for (const { index, member } of membersOf(this.view(by), generation)) {
      const holder = this.nodes.find(({ path }) => path === member.path)
      const isReached = holder !== undefined && holder.isAway === by.isAway && (lost >> (3 * index)) % 8 !== 7
      if (!isReached || !takesPiece(this.view(holder), holder, piece)) continue
      if ((lost >> (3 * index)) % 8 !== 6) answers.push(() => this.receipt(holder, { ...piece, index }))
    }
    return answers
  }

  #wipe(node: WorldNode, upTo: KeyGeneration): void {
    for (const [key, piece] of node.pieces) if (piece.generation <= upTo) node.pieces.delete(key)
    node.wipedUpTo = Math.max(node.wipedUpTo, upTo)
    this.#write(node, { kind: "pieces-wiped", body: { upTo } })
  }

  #points(name: string, generation: GenerationState): readonly Uint8Array[] {
    const full = `${name} ${generation.generation}`
    const known = this.#named.get(full) ?? Array.from({ length: thresholdOf(generation) }, (_, power) => fakePoint(`${full} ${power}`))
    this.#named.set(full, known)
    return known
  }

  #idOf(owner: NodePath, generation: KeyGeneration, commitments: readonly Uint8Array[]): Uint8Array {
    const known = this.#ids.get(commitments)
    if (known?.owner === owner && known.generation === generation) return known.id
    const id = sharingIdOf(fakePrimitives, { owner: { cluster, path: owner }, generation, commitments })
    this.#ids.set(commitments, { owner, generation, id })
    return id
  }

  #machine(path: NodePath): WorldNode {
    const life = ++this.#lives
    return newMachine(path, life, fakeBytes(`key ${path} ${life} 1`))
  }

  #certify(node: WorldNode): void {
    const generation = unwrap(decodeGeneration(node.life))
    const parent = PATHS.find((path) => node.path.startsWith(`${path}/`))
    const above = parent === undefined ? undefined : this.nodes.find(({ path }) => path === parent)
    if (parent !== undefined && (above === undefined || findNode(this.state, { cluster, path: parent }) === undefined)) return
    const author = above === undefined ? rootAuthor : { cluster, path: above.path, key: anchorOf(above) }
    const body = { path: node.path, generation, anchorKey: anchorOf(node) }
    this.#append({ author, statement: { kind: "node", body } }, [{ kind: "certified", path: node.path }])
    this.#append(...this.#rekeyOf(node))
  }

  #rekeyOf(node: WorldNode): [Omit<Judgeable, "body">, CustodyEvent[]] {
    const body = fakeRekey(node, findNode(this.state, { cluster, path: node.path }))
    const author = { cluster, path: node.path, key: anchorOf(node) }
    return [{ author, statement: { kind: "rekey", body } }, [{ kind: "keyed", path: node.path, key: toHex(node.key) }]]
  }

  #write(node: WorldNode, meant: CustodyStatement): void {
    const statement = this.#slipped(node, meant)
    const author = { cluster, path: node.path, key: node.key }
    const event: CustodyEvent = { kind: "said", path: node.path, key: toHex(node.key), statement }
    const written = { entry: { author, statement, body: NO_BODY }, event }
    this.#written.push(written)
    if (node.isAway || this.#isLate) node.outbox.push(written)
    else this.#append(written.entry, [written.event])
    this.#isLate = false
  }

  #slipped(node: WorldNode, meant: CustodyStatement): CustodyStatement {
    const before = this.#written.findLast(
      ({ event }) => event.kind === "said" && event.path === node.path && event.statement.kind === meant.kind,
    )
    const slipped = this.#slip?.(meant, before?.event.kind === "said" ? before.event.statement : undefined, node)
    this.#slip = undefined
    if (slipped !== undefined) node.lies = true
    return slipped ?? meant
  }

  #append({ author, statement }: Omit<Judgeable, "body">, events: readonly CustodyEvent[]): string {
    const body = statement?.kind === "rekey" ? encodeRekeyStatement(statement.body) : NO_BODY
    const entry = { author, statement, body }
    const before = this.state
    const { state, verdict } = this.#apply(before, this.#log.length, entry)
    const [event = { kind: "root-ended" as const }] = events
    this.#log.push({ entry, event })
    this.states.push(state)
    this.events.push(...events)
    const reason = verdict.kind === "applied" ? "applied" : verdict.reason
    this.happenings.push({ entry, before, after: state, verdict: reason })
    return reason
  }

  #apply(state: LedgerState, index: number, entry: Judgeable): ReturnType<typeof applyEntry> {
    return applyEntry(fakePrimitives, state, unwrap(decodeLedgerIndex(index)), entry)
  }
}

const NO_BODY = new Uint8Array(0)
const rootAuthor = { cluster, path: ROOT_PATH, key: anchorKey }

function generationAt(number: number): KeyGeneration {
  return unwrap(decodeKeyGeneration(Math.max(1, number)))
}
