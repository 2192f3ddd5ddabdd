import { type Refusal } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import type { KeyedNode } from "@keygrove/ledger"
import type { CustodyState } from "@keygrove/pieces"
import { Wakeup } from "../ledger/wakeup.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { announceMember } from "./announce-member.ts"
import { Liars, MAX_PAUSE_MS, type CustodyRound, type DutyOutcome, type NamedLiar } from "./custody-round.ts"
import { custodyView, nodeOf } from "./custody-view.ts"
import { abortStuckGeneration, startGeneration } from "./key-generations.ts"
import { keepMembership } from "./keep-membership.ts"
import { OwnSharing, type SharingProgress } from "./own-sharing.ts"
import type { PieceDesk } from "./piece-desk.ts"
import type { PiecesContext } from "./pieces-context.ts"
import { Redistribution, type AwaitedMove } from "./redistribute.ts"
import { Sightings } from "./sightings.ts"
import { reportPieces, tidySlots, wipePieces } from "./tidy-pieces.ts"

/** Pause after a look in which something was refused; twice as long each time up to {@link MAX_PAUSE_MS}. */
const FIRST_PAUSE_MS = 1_000

/** What the keeper is at, for people. */
export interface CustodyProgress {
  /** Absent where this node has nothing left to share. */
  readonly sharing?: SharingProgress
  /** Owners whose pieces are kept here, in each open key generation. */
  readonly kept: readonly { readonly generation: number; readonly owner: NodePath }[]
  /** Duties that were refused when they were last tried. */
  readonly troubles: readonly { readonly duty: string; readonly refusal: Refusal }[]
  readonly liars: readonly NamedLiar[]
  /** Sharings of members that seem to be off, which it moves when it is time. */
  readonly moves: readonly AwaitedMove[]
}

type Duty = (round: CustodyRound, options: CallOptions) => Promise<DutyOutcome>

/**
 * Does what a member owes the others, and itself: shares its storage key in every key generation, starts and aborts these, keeps and wipes pieces, and moves the sharings of members that are
 * off. What is left to do is read off the ledger, the disk and the clock, so a run that was cut off anywhere goes on. Sleeps until the ledger changes or something is due.
 */
export class CustodyKeeper {
  readonly #context: PiecesContext
  readonly #desk: PieceDesk
  readonly #wakeup = new Wakeup()
  readonly #sightings = new Sightings()
  readonly #liars: Liars
  readonly #sharing = new OwnSharing()
  readonly #redistribution = new Redistribution()
  readonly #troubles: Map<string, Refusal> = new Map()
  #isRenewalWished = false

  constructor(context: PiecesContext, desk: PieceDesk) {
    this.#context = context
    this.#desk = desk
    this.#liars = new Liars(context)
  }

  /** How things stood when it was last looked. */
  get progress(): CustodyProgress {
    const { progress } = this.#sharing
    return {
      ...(progress === undefined ? {} : { sharing: progress }),
      kept: this.#desk.pieces().map(({ generation, owner }) => ({ generation, owner })),
      troubles: [...this.#troubles].map(([duty, refusal]) => ({ duty, refusal })),
      liars: this.#liars.named,
      moves: this.#redistribution.awaited,
    }
  }

  /** Who lied; others may name liars too. */
  get liars(): Liars {
    return this.#liars
  }

  /** Has it start a key generation soon, whoever the members are: every node gets a new storage key. */
  renew(): void {
    this.#isRenewalWished = true
    this.#wakeup.wake()
  }

  /** Works until the signal fires or the keystore locks. */
  async run({ signal }: CallOptions): Promise<void> {
    using stop = abortOnDispose(signal)
    const following = this.#follow(stop.signal)
    let seen: { readonly custody?: CustodyState; readonly node?: KeyedNode | undefined } = {}
    let pauseMs = FIRST_PAUSE_MS
    let dueAt = 0
    while (!signal.aborted && this.#context.keystore.state() === "unlocked") {
      const { count } = this.#wakeup
      const view = custodyView(this.#context)
      const now = { custody: view.custody, node: nodeOf(view, view.self.path) }
      const { clock } = this.#context
      if (now.custody !== seen.custody || now.node !== seen.node || leftMs(clock.now(), dueAt) === 0 || this.#isRenewalWished) {
        seen = now
        const nextMs = await this.#look({ signal })
        pauseMs = this.#troubles.size === 0 ? FIRST_PAUSE_MS : Math.min(2 * pauseMs, MAX_PAUSE_MS)
        dueAt = clock.now() + (this.#troubles.size === 0 ? nextMs : Math.min(pauseMs, Math.max(nextMs, FIRST_PAUSE_MS)))
      }
      using pause = abortOnDispose(signal)
      const next = clock.sleep(leftMs(clock.now(), dueAt), { signal: pause.signal }).catch(() => undefined)
      await Promise.race([this.#wakeup.wait(pause.signal, count), next])
    }
    stop[Symbol.dispose]()
    await following
  }

  async #follow(signal: AbortSignal): Promise<void> {
    for await (const _ledger of this.#context.replica.changes({ signal })) this.#wakeup.wake()
  }

  async #look(options: CallOptions): Promise<number> {
    try {
      return await this.#round(options)
    } catch (error) {
      if (!options.signal.aborted) throw error
      return 0
    } finally {
      this.#sightings.endRound()
    }
  }

  /** Does what is due, one duty after the other. A duty that is refused does not keep the others from being done. */
  async #round(options: CallOptions): Promise<number> {
    const context = this.#context
    this.#judge("wipe pieces", await wipePieces(context, this.#desk, options))
    if (context.keystore.state() === "unlocked") this.#judge("wipe slots", await tidySlots(context, options))
    if (context.keystore.state() === "unlocked") this.#judge("become a member again", await keepMembership(context, options))
    let nextMs = MAX_PAUSE_MS
    for (const [name, duty] of Object.entries(this.#duties())) {
      options.signal.throwIfAborted()
      const { custody, self, state } = custodyView(context)
      const member = custody.members.get(self.path)
      const node = state.clusters.get(self.cluster)?.nodes.get(self.path)
      // Who is no member owes nothing; a keystore that is about to go on to the keys that the ledger names cannot now.
      const isAble = member !== undefined && node?.keys?.epoch === context.keystore.identity().keys.epoch
      if (!isAble || context.keystore.state() !== "unlocked") {
        this.#troubles.delete(name)
        continue
      }
      const round: CustodyRound = { context, desk: this.#desk, custody, self: member, sightings: this.#sightings, liars: this.#liars }
      const outcome = await duty(round, options)
      this.#judge(name, outcome)
      if (outcome.ok) nextMs = Math.min(nextMs, outcome.value)
    }
    return nextMs
  }

  /** In their order. */
  #duties(): Readonly<Record<string, Duty>> {
    return {
      "say where this node is": announceMember,
      "start a key generation": async (round, options) => {
        const isWished = this.#isRenewalWished
        const started = await startGeneration(round, isWished, options)
        if (isWished && started.ok) this.#isRenewalWished = false
        return started
      },
      "share the storage key": async (round, options) => await this.#sharing.work(round, options),
      "report pieces": reportPieces,
      "abort a stuck key generation": abortStuckGeneration,
      "move sharings": async (round, options) => await this.#redistribution.work(round, options),
    }
  }

  #judge(duty: string, outcome: { readonly ok: true } | Refusal): void {
    if (outcome.ok) {
      this.#troubles.delete(duty)
      return
    }
    if (this.#troubles.get(duty)?.code !== outcome.code) this.#context.log(`could not ${duty}: ${outcome.code}: ${outcome.message}`)
    this.#troubles.set(duty, outcome)
  }
}

/** What is left until a time; nothing when that is longer than is ever waited, for then the clock was set back meanwhile. */
function leftMs(now: number, dueAt: number): number {
  return dueAt - now > MAX_PAUSE_MS ? 0 : Math.max(0, dueAt - now)
}

/** A signal that fires with the given one, or when it is disposed of. */
function abortOnDispose(signal: AbortSignal): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  return { signal: AbortSignal.any([signal, controller.signal]), [Symbol.dispose]: () => controller.abort() }
}
