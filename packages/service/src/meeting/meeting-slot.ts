import type { Refusal } from "@keygrove/base"
import type { NodeReference, Timestamp } from "@keygrove/hierarchy"
import { encodeMeetingCode, meetingWords, type Meeting, type MeetingRole } from "@keygrove/peering"
import type { Primitives } from "@keygrove/crypto"
import { Wakeup } from "../ledger/wakeup.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { MeetingLine } from "./meeting-line.ts"

/** How far a meeting is, for the person of this side. */
export interface MeetingProgress {
  /** 32 hex digits. */
  readonly id: string
  /** Grows with every change. */
  readonly revision: number
  readonly role: MeetingRole
  readonly phase: "waiting" | "exchanging" | "compare" | "waiting-for-other" | "done" | "failed"
  /** While this side shows it and waits. */
  readonly code?: string
  readonly expiresAt: Timestamp
  /** From `compare` on. */
  readonly words?: readonly string[]
  readonly other?: NodeReference
  /** What the person called the other cluster when it confirmed. */
  readonly nickname?: string
  readonly failure?: Refusal
}

/** One meeting of this node while it lives: its state, and who waits for the next. Disposal wipes what proves its messages. */
export class MeetingSlot implements Disposable {
  readonly id: string
  readonly line: MeetingLine
  nickname: string | undefined
  readonly #changed = new Wakeup()
  #meeting: Meeting
  #revision = 1
  #outcome: "open" | "done" | Refusal = "open"
  #turn: Promise<unknown> = Promise.resolve()

  constructor(id: string, line: MeetingLine, meeting: Meeting) {
    this.id = id
    this.line = line
    this.#meeting = meeting
  }

  get meeting(): Meeting {
    return this.#meeting
  }

  /** Changes so far, to give to {@link MeetingSlot.changed}. */
  get revision(): number {
    return this.#revision
  }

  /** Nothing will change any more: it failed, or trust is written. */
  get isOver(): boolean {
    return this.#meeting.stage === "failed" || this.#outcome !== "open"
  }

  /** Takes the next state; the same one is no change. */
  take(meeting: Meeting): void {
    if (meeting === this.#meeting) return
    this.#meeting = meeting
    this.#change()
  }

  /** Trust is on the ledger, or cannot be. */
  conclude(outcome: "done" | Refusal): void {
    this.#outcome = outcome
    this.#change()
  }

  /** Resolves when the revision is another than the one seen, or with the signal. */
  async changed(seen: number, { signal }: CallOptions): Promise<void> {
    while (this.#revision === seen && !signal.aborted) await this.#changed.wait(signal)
  }

  /** One step at a time: what has to be durable before it is said takes a while. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work)
    this.#turn = mine.catch(() => undefined)
    return await mine
  }

  progress(primitives: Pick<Primitives, "sha256">): MeetingProgress {
    const { code, expiresAt, failure, other, role, stage, transcript } = this.#meeting
    const phase = this.#phase()
    const isCompared = other !== undefined && transcript !== undefined && COMPARED.has(stage)
    const refusal = typeof this.#outcome === "string" ? failure : this.#outcome
    return {
      id: this.id,
      revision: this.#revision,
      role,
      phase,
      expiresAt,
      ...(phase === "waiting" ? { code: encodeMeetingCode(code) } : {}),
      ...(isCompared
        ? { words: meetingWords(primitives, transcript), other: { cluster: other.identity.cluster, path: other.identity.path } }
        : {}),
      ...(this.nickname === undefined ? {} : { nickname: this.nickname }),
      ...(refusal === undefined ? {} : { failure: refusal }),
    }
  }

  [Symbol.dispose](): void {
    this.line.proofKey[Symbol.dispose]()
  }

  #phase(): MeetingProgress["phase"] {
    if (this.#outcome !== "open") return this.#outcome === "done" ? "done" : "failed"
    const { stage } = this.#meeting
    return stage === "confirmed" || stage === "agreed" ? "waiting-for-other" : stage
  }

  #change(): void {
    this.#revision++
    this.#changed.wake()
  }
}

/** From where on both sides proved who they are. */
const COMPARED: ReadonlySet<Meeting["stage"]> = new Set(["compare", "confirmed", "agreed"])
