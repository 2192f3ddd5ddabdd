import { setTimeout as sleep } from "node:timers/promises"
import type { DescMessage, DescMethodUnary, MessageShape } from "@bufbuild/protobuf"
import { Code } from "@connectrpc/connect"
import type { EtcdAccess } from "./access.ts"
import type { EtcdAddress } from "./address.ts"
import type { GrpcStatus } from "./grpc-connection.ts"
import { EtcdLogin } from "./login.ts"
import { EtcdMember, type MemberCall, type MemberOutcome } from "./member.ts"

/** How long calls may take. */
export interface EtcdDeadlines {
  /** All tries of one call together. */
  readonly callMs: number
  /** One try at one member. */
  readonly tryMs: number
}

/** An election takes etcd a second or some; a try is long enough for a slow disk and short enough that three members get one. */
export const DEFAULT_DEADLINES: EtcdDeadlines = { callMs: 10_000, tryMs: 3_000 }

export interface EtcdCall<I extends DescMessage, O extends DescMessage, T> extends MemberCall<DescMethodUnary<I, O>, I> {
  /** What an answer says; `undefined` of one that says nothing, for which another member is asked. */
  readonly read: (answer: MessageShape<O>) => T | undefined
}

/**
 * How a call came out. `wasAmbiguous`: an earlier try, or the last one, may have had its effect without an answer. What is called must be such that a second
 * one after a first that had its effect does nothing: a read, or a transaction that compares what it changes.
 */
export type EtcdOutcome<T> = { readonly wasAmbiguous: boolean } & (
  | { readonly kind: "answered"; readonly value: T }
  | ({ readonly kind: "refused" } & GrpcStatus)
  | { readonly kind: "unreachable"; readonly message: string }
)

/** Pauses after all members were tried: doubled from the first to the last. */
const FIRST_PAUSE_MS = 50
const LAST_PAUSE_MS = 1_000

/** The members of one etcd: calls go to one that answered last, then to the others. */
export class EtcdMembers implements Disposable {
  readonly all: readonly EtcdMember[]
  readonly deadlines: EtcdDeadlines
  #preferred = 0

  constructor({ endpoints }: EtcdAddress, { tls, user }: EtcdAccess, deadlines: EtcdDeadlines) {
    const login = user === undefined ? undefined : new EtcdLogin(user)
    this.all = endpoints.map((endpoint) => new EtcdMember(endpoint, tls, login))
    this.deadlines = deadlines
  }

  /** The member to begin with. */
  get preferred(): EtcdMember {
    const member = this.all[this.#preferred]
    if (member === undefined) throw new RangeError("an etcd has members")
    return member
  }

  /** Begins with another member from now on, if `member` is still the one to begin with. */
  avoid(member: EtcdMember): void {
    if (member === this.preferred) this.#preferred = (this.#preferred + 1) % this.all.length
  }

  /**
   * Calls members in turn until one answers or refuses for good, within the deadline.
   * @throws the reason of the signal
   */
  async call<I extends DescMessage, O extends DescMessage, T>(call: EtcdCall<I, O, T>): Promise<EtcdOutcome<T>> {
    const end = performance.now() + this.deadlines.callMs
    const troubles = new Map<string, string>()
    let wasAmbiguous = false
    let pauseMs = FIRST_PAUSE_MS
    for (let tries = 1; ; tries++) {
      const member = this.preferred
      const leftMs = Math.floor(end - performance.now())
      if (leftMs <= 0) return { kind: "unreachable", message: this.#unreachable(troubles), wasAmbiguous }
      const isCutShort = leftMs < this.deadlines.tryMs
      const outcome = await member.call(call, Math.min(leftMs, this.deadlines.tryMs))
      call.signal.throwIfAborted()
      const value = outcome.kind === "answered" ? call.read(outcome.answer) : undefined
      if (value !== undefined) return { kind: "answered", value, wasAmbiguous }
      if (outcome.kind === "denied") return { kind: "unreachable", message: outcome.message, wasAmbiguous }
      if (outcome.kind === "refused" && isFinal(outcome)) return { ...outcome, wasAmbiguous }
      wasAmbiguous ||= mayHaveEffect(outcome)
      // What a whole try met says more.
      if (!isCutShort || !troubles.has(member.name)) troubles.set(member.name, describe(outcome))
      this.avoid(member)
      if (tries % this.all.length !== 0) continue
      await sleep(Math.max(0, Math.min(pauseMs, end - performance.now())), undefined, { signal: call.signal }).catch(() => undefined)
      call.signal.throwIfAborted()
      pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS)
    }
  }

  [Symbol.dispose](): void {
    for (const member of this.all) member[Symbol.dispose]()
  }

  #unreachable(troubles: ReadonlyMap<string, string>): string {
    const each = this.all.map(({ name }) => `${name} (${troubles.get(name) ?? "not tried"})`).join(", ")
    return `etcd did not answer within ${this.deadlines.callMs} ms: ${each}`
  }
}

/** What a member's failure is called in messages. An answer is one when it cannot be read. */
export function describe(outcome: MemberOutcome<unknown>): string {
  if (outcome.kind === "answered") return "its answer cannot be read"
  return outcome.kind === "refused" ? `${Code[outcome.status]}: ${outcome.message}` : outcome.message
}

/** What may be otherwise at the next try; and so may "too many requests". */
const PASSING: ReadonlySet<Code> = new Set([
  Code.Canceled,
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Aborted,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
])

function isFinal({ message, status }: GrpcStatus): boolean {
  return !PASSING.has(status) && !(status === Code.ResourceExhausted && message.includes("too many requests"))
}

function mayHaveEffect(outcome: MemberOutcome<unknown>): boolean {
  if (outcome.kind === "lost") return outcome.left
  return outcome.kind === "answered" || (outcome.kind === "refused" && outcome.status !== Code.ResourceExhausted)
}
