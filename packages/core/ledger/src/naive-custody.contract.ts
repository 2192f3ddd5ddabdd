import { toHex } from "@keygrove/base"
import type { CustodyJoining, CustodyStatement, PieceReceipt, ReceivedPiece } from "@keygrove/pieces"

/** What happens to a ledger, as far as custody is concerned, in the order of its entries. */
export type CustodyEvent =
  | { readonly kind: "certified"; readonly path: string }
  | { readonly kind: "keyed"; readonly path: string; readonly key: string }
  | { readonly kind: "ended"; readonly path: string }
  | { readonly kind: "root-ended" }
  | { readonly kind: "said"; readonly path: string; readonly key: string; readonly statement: CustodyStatement }

/** What a receipt was signed over, and by which key; `undefined` for bytes that nobody signed. The twin knows no cryptography: it is told. */
export type ReceiptTruth = (receipt: PieceReceipt) => { readonly piece: ReceivedPiece; readonly key: string } | undefined

/** Custody in words, sorted, for comparing. */
export interface CustodyFacts {
  readonly members: readonly string[]
  readonly last: number
  readonly generations: readonly string[]
}

interface Life {
  readonly path: string
  key: string
  isOver: boolean
  /** Revisions that it said with effect. */
  readonly revisions: number[]
}

/** From one joining to the next end. */
interface Term {
  readonly life: Life
  isOver: boolean
  revision: number
  wiped: number
  /** What it said last of how it may be unlocked. */
  terms: string
}

interface Share {
  readonly owner: Term
  readonly points: readonly string[]
  readonly id: string
  readonly keepers: Term[]
}

interface Round {
  readonly number: number
  readonly all: readonly Term[]
  readonly needed: number
  isComplete: boolean
  isOver: boolean
  readonly shares: Share[]
  readonly tries: { readonly owner: Term; readonly by: Term; readonly from: number; readonly number: number }[]
}

/** The same bytes are asked for again with each statement. */
const hexes = new WeakMap<Uint8Array, string>()

function hexOf(bytes: Uint8Array): string {
  const known = hexes.get(bytes) ?? toHex(bytes)
  hexes.set(bytes, known)
  return known
}

/** How a member may be unlocked, in words. */
export function termsOf({ evidence, unlock }: Pick<CustodyJoining, "unlock" | "evidence">): string {
  if (evidence === undefined) return unlock
  const { attestationKey, digests, family, pcrs } = evidence
  return `${unlock} ${family} ${hexOf(attestationKey)} ${pcrs.join("+")} ${digests.map(hexOf).join("+")}`
}

const LIMITS = { members: 255, open: 16 }

/**
 * A dumb second machine: lists of objects that are never removed, in which every question is asked anew, written from docs/protocol/pieces.md alone. For each statement the whole history is told to a
 * fresh one.
 */
export class NaiveCustody {
  /** What each event did, by its place. */
  readonly effects: boolean[] = []
  #lives: Life[] = []
  #terms: Term[] = []
  #rounds: Round[] = []
  #boots: { readonly path: string; readonly key: string }[] = []
  readonly #keys = new Set<string>()
  #isEnded = false
  readonly #truth: ReceiptTruth
  readonly #idOf: (owner: string, generation: number, points: readonly Uint8Array[]) => string

  constructor(truth: ReceiptTruth, idOf: (owner: string, generation: number, points: readonly Uint8Array[]) => string) {
    this.#truth = truth
    this.#idOf = idOf
  }

  tell(events: readonly CustodyEvent[]): this {
    for (const event of events) {
      this.effects.push(this.#take(event))
      for (const round of this.#rounds) {
        const sharers = round.shares.filter(({ owner }) => !owner.isOver)
        if (!round.isOver && sharers.length > round.all.length / 2) round.isComplete = true
      }
      const retired = this.#open().filter((round) => this.#isRetired(round))
      for (const round of retired) round.isOver = true
    }
    return this
  }

  get facts(): CustodyFacts {
    return {
      members: this.#standing().map(({ life, revision, terms, wiped }) => `${life.path} ${revision} ${wiped} ${terms}`),
      last: this.#isEnded ? 0 : this.#rounds.length,
      generations: this.#open().map((round) => {
        const shares = round.shares
          .filter(({ owner }) => !owner.isOver)
          .map((share) => {
            const keepers = round.all.flatMap((term, place) => (this.#keeps(round, share, term) ? [place + 1] : []))
            return `${share.owner.life.path}:${share.id.slice(0, 8)}:${keepers.join("+")}`
          })
        const tries = this.#owners(round).flatMap((owner) => this.#newestTry(round, owner) ?? [])
        const words = tries.map(({ by, from, number, owner }) => `${owner.life.path}#${number} from ${from} by ${by.life.path}`)
        const all = round.all.map(({ life }) => life.path).join(" ")
        return `${round.number} ${round.isComplete ? "complete" : "starting"} [${all}] ${shares.toSorted().join(" ")} ${words.join(" ")}`
      }),
    }
  }

  #take(event: CustodyEvent): boolean {
    switch (event.kind) {
      case "certified":
        this.#end(event.path)
        this.#lives.push({ path: event.path, key: "", isOver: false, revisions: [] })
        return true
      case "keyed": {
        const life = this.#life(event.path)
        if (life === undefined || this.#isEnded || this.#keys.has(event.key) || this.#boots.some(({ key }) => key === event.key))
          return false
        life.key = event.key
        this.#keys.add(event.key)
        return true
      }
      case "ended":
        this.#end(event.path)
        return true
      case "root-ended":
        this.#isEnded = true
        for (const term of this.#terms) term.isOver = true
        for (const round of this.#rounds) round.isOver = true
        return true
      default: {
        const life = this.#life(event.path)
        return life !== undefined && life.key === event.key && !this.#isEnded && this.#says(life, event.statement)
      }
    }
  }

  #end(path: string): void {
    for (const life of this.#lives) if (life.path === path || life.path.startsWith(`${path}/`)) life.isOver = true
    for (const term of this.#terms) if (term.life.isOver) term.isOver = true
  }

  #life(path: string): Life | undefined {
    return this.#lives.find((life) => life.path === path && !life.isOver)
  }

  #standing(): Term[] {
    return this.#terms.filter((term) => !term.isOver).toSorted((a, b) => (a.life.path < b.life.path ? -1 : 1))
  }

  #term(path: string): Term | undefined {
    return this.#standing().find(({ life }) => life.path === path)
  }

  #open(): Round[] {
    return this.#rounds.filter(({ isOver }) => !isOver)
  }

  /** Standing members without a share. */
  #owners(round: Round): Term[] {
    return round.all.filter((term) => !term.isOver && !round.shares.some(({ owner }) => owner === term))
  }

  #newestTry(round: Round, owner: Term): Round["tries"][number] | undefined {
    return round.tries.filter((attempt) => attempt.owner === owner).at(-1)
  }

  #keeps(round: Round, { keepers }: Share, term: Term): boolean {
    return keepers.includes(term) && !term.isOver && term.wiped < round.number
  }

  #isRetired(round: Round): boolean {
    const newer = this.#open().filter(({ isComplete, number }) => isComplete && number > round.number)
    if (!round.isComplete || newer.length === 0) return false
    return round.shares.every(({ owner }) => {
      if (owner.isOver) return true
      const isSafe = newer.some((other) =>
        other.shares.some(
          (share) => share.owner === owner && other.all.filter((term) => this.#keeps(other, share, term)).length >= other.needed,
        ),
      )
      const possible = round.all.filter((term) => term !== owner && !term.isOver && term.wiped < round.number)
      return isSafe || possible.length < round.needed
    })
  }

  #says(life: Life, { kind, body }: CustodyStatement): boolean {
    if (kind === "custody-joined") return this.#joins(life, body)
    const term = this.#term(life.path)
    if (term === undefined) return false
    switch (kind) {
      case "custody-left":
        if (life.revisions.some((revision) => revision >= body.revision)) return false
        life.revisions.push(body.revision)
        term.isOver = true
        return true
      case "generation-started":
        return this.#starts(body.generation)
      case "generation-aborted": {
        const round = this.#open().find(({ number }) => number === body.generation)
        if (round === undefined || round.isComplete) return false
        round.isOver = true
        return true
      }
      case "pieces-wiped":
        if (body.upTo <= term.wiped || body.upTo > this.#rounds.length) return false
        term.wiped = body.upTo
        return true
      case "pieces-held":
        return this.#holds(term, body.held)
      case "redistribution-started":
        return this.#tries(term, body)
      default:
        return this.#shares(term, body)
    }
  }

  #joins(life: Life, body: Extract<CustodyStatement, { kind: "custody-joined" }>["body"]): boolean {
    const boot = hexOf(body.bootSigningKey)
    const before = this.#term(life.path)
    if (life.revisions.some((revision) => revision >= body.revision)) return false
    if (before === undefined && this.#standing().length >= LIMITS.members) return false
    if (this.#keys.has(boot) || this.#boots.some(({ key, path }) => key === boot && path !== life.path)) return false
    this.#boots.push({ path: life.path, key: boot })
    life.revisions.push(body.revision)
    const terms = termsOf(body)
    if (before === undefined) this.#terms.push({ life, isOver: false, revision: body.revision, wiped: this.#rounds.length, terms })
    else Object.assign(before, { revision: body.revision, terms })
    return true
  }

  #starts(number: number): boolean {
    const all = this.#standing()
    const starting = this.#open().find(({ isComplete }) => !isComplete)
    const isOther = starting === undefined || all.length !== starting.all.length || all.some((term) => !starting.all.includes(term))
    const complete = this.#open().filter(({ isComplete }) => isComplete)
    if (number !== this.#rounds.length + 1 || all.length < 3 || !isOther || complete.length >= LIMITS.open) return false
    if (starting !== undefined) starting.isOver = true
    const needed = Math.floor((all.length - 1) / 2) + 1
    this.#rounds.push({ number, all, needed, isComplete: false, isOver: false, shares: [], tries: [] })
    return true
  }

  #holds(term: Term, held: Extract<CustodyStatement, { kind: "pieces-held" }>["body"]["held"]): boolean {
    const meant = held.map((piece) => {
      const round = this.#open().find(({ number }) => number === piece.generation)
      const share = round?.shares.find(({ id, owner }) => !owner.isOver && owner.life.path === piece.owner && id === hexOf(piece.sharing))
      const isNew = round?.all.includes(term) === true && share !== undefined && share.owner !== term && !this.#keeps(round, share, term)
      return isNew && term.wiped < round.number ? share : undefined
    })
    if (meant.includes(undefined)) return false
    for (const share of meant) share?.keepers.push(term)
    return true
  }

  #tries(
    term: Term,
    { attempt, from, generation, owner: path }: Extract<CustodyStatement, { kind: "redistribution-started" }>["body"],
  ): boolean {
    const round = this.#open().find(({ number }) => number === generation)
    const owner = round === undefined ? undefined : this.#owners(round).find(({ life }) => life.path === path)
    if (round === undefined || owner === undefined || !round.isComplete || owner === term || !round.all.includes(term)) return false
    const older = this.#open().find(({ number }) => number === from && from < generation)
    const hasOlder = older?.shares.some((share) => share.owner === owner) === true
    const isNext = attempt === round.tries.filter((each) => each.owner === owner).length + 1
    if (!hasOlder || !isNext) return false
    round.tries.push({ owner, by: term, from, number: attempt })
    return true
  }

  /** The owner's own sharing, or one that another member moved. */
  #shares(term: Term, body: Extract<CustodyStatement, { kind: "pieces-shared" | "pieces-redistributed" }>["body"]): boolean {
    const round = this.#open().find(({ number }) => number === body.generation)
    if (round === undefined || !round.all.includes(term)) return false
    const moved = "owner" in body ? body : undefined
    const owner = this.#owners(round).find(({ life }) => life.path === (moved?.owner ?? term.life.path))
    if (owner === undefined) return false
    const points = body.commitments.map(hexOf)
    const newest = this.#newestTry(round, owner)
    const others = this.#open().flatMap(({ number, shares }) =>
      shares.filter((share) => share.owner === owner).map((share) => ({ number, share })),
    )
    if (moved === undefined) {
      if (newest !== undefined || others.some(({ share }) => share.points[0] === points[0])) return false
    } else {
      const from = others.find(({ number }) => number === moved.from)
      if (newest?.by !== term || newest.from !== moved.from || from?.share.points[0] !== points[0]) return false
    }
    const id = this.#idOf(owner.life.path, body.generation, body.commitments)
    const keepers = body.receipts.map((receipt) => this.#receiptBy(round, owner, { receipt, id, attempt: newest?.number ?? 0 }))
    const known = keepers.filter((keeper) => keeper !== undefined)
    if (points.length !== round.needed || known.length !== keepers.length || known.length < round.needed) return false
    round.shares.push({ owner, points, id, keepers: known })
    return true
  }

  /** Who gave a receipt that counts. */
  #receiptBy(
    round: Round,
    owner: Term,
    { attempt, id, receipt }: { readonly receipt: PieceReceipt; readonly id: string; readonly attempt: number },
  ): Term | undefined {
    const truth = this.#truth(receipt)
    const holder = round.all[receipt.index - 1]
    if (truth === undefined || holder === undefined || holder === owner || holder.isOver || holder.wiped >= round.number) return undefined
    const { piece } = truth
    const isSame =
      piece.owner === owner.life.path &&
      piece.generation === round.number &&
      hexOf(piece.sharing) === id &&
      piece.index === receipt.index &&
      piece.holder === holder.life.path &&
      piece.attempt === attempt
    return isSame && truth.key === holder.life.key ? holder : undefined
  }
}
