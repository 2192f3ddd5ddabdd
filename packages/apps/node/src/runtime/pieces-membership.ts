import { ok, refuse, type Result } from "@keygrove/base"
import {
  joinCustody,
  leaveCustody,
  type CallOptions,
  type CustodyKeeper,
  type JoinedCustody,
  type JoinOrder,
  type JoinProgress,
  type PieceDesk,
  type PiecesContext,
} from "@keygrove/service"
import type { Home } from "../home/home.ts"
import { setUnlock, unsetUnlock } from "./start-setting.ts"

interface MembershipSources {
  readonly context: PiecesContext
  readonly desk: PieceDesk
  readonly keeper: CustodyKeeper
  readonly home: Home
}

/** How this node becomes a member, and ceases to be one. It takes minutes to join, longer than who asked for it may wait. Disposal gives up what is under way, and so undoes it. */
export class PiecesMembership implements AsyncDisposable {
  readonly #sources: MembershipSources
  #joining: { readonly stop: AbortController; readonly done: Promise<unknown> } | undefined
  #progress: JoinProgress | undefined
  #outcome: Result<JoinedCustody> | undefined

  constructor(sources: MembershipSources) {
    this.#sources = sources
  }

  /** How far the last try to join is. */
  get progress(): JoinProgress | undefined {
    return this.#progress
  }

  /** What became of it; `undefined` while it is under way, and when there was none. */
  get outcome(): Result<JoinedCustody> | undefined {
    return this.#outcome
  }

  /** Begins to make this node a member, or to change how it is unlocked, and says what was done up to the first news. From then on it is started by its pieces, unless it is told otherwise. */
  async join(order: Omit<JoinOrder, "onProgress">, { signal }: CallOptions): Promise<Result<true>> {
    if (this.#joining !== undefined)
      return refuse("PIECES_JOIN_UNDER_WAY", "the node is becoming a member already; see `keygrove pieces status`")
    const stop = new AbortController()
    const news = Promise.withResolvers<undefined>()
    this.#progress = undefined
    this.#outcome = undefined
    const onProgress = (progress: JoinProgress): void => {
      this.#progress = progress
      news.resolve(undefined)
    }
    const done = this.#join({ ...order, onProgress }, stop.signal).finally(() => {
      this.#joining = undefined
      news.resolve(undefined)
    })
    this.#joining = { stop, done }
    const gone = (): void => news.resolve(undefined)
    signal.addEventListener("abort", gone, { once: true })
    await news.promise.finally(() => signal.removeEventListener("abort", gone))
    signal.throwIfAborted()
    return this.#refusal() ?? ok(true)
  }

  /** Ends the membership. The ways into the keystore that pieces open are wiped; the passphrase or key file goes on opening it. */
  async leave(call: CallOptions): Promise<Result<true>> {
    const { context, home } = this.#sources
    this.#joining?.stop.abort()
    await this.#joining?.done
    // Before anything else: from here on a start does not ask them.
    const settled = unsetUnlock(home, "pieces")
    if (!settled.ok) return settled
    const left = await leaveCustody(context, call)
    if (!left.ok && left.code !== "MEMBER_UNKNOWN") return left
    const wiped = await context.keystore.keepSlots([], call)
    return wiped.ok ? ok(true) : wiped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A member stays one over a restart: the keeper goes on with what is left to do.
    this.#joining?.stop.abort()
    await this.#joining?.done
  }

  /** Never rejects. */
  async #join(order: JoinOrder, signal: AbortSignal): Promise<void> {
    const { context, desk, home, keeper } = this.#sources
    try {
      const outcome = await joinCustody({ context, desk, keeper }, order, { signal })
      this.#outcome = outcome
      if (!outcome.ok) return
      const settled = setUnlock(home, "pieces")
      if (!settled.ok) this.#outcome = settled
    } catch (error) {
      if (signal.aborted)
        this.#outcome = refuse(
          "PIECES_JOIN_STOPPED",
          "the node was stopped, or told to leave, before it was a member; all of it was undone",
        )
      else this.#outcome = refuse("CUSTODY_JOIN_FAILED", error instanceof Error ? error.message : "unknown")
    }
  }

  #refusal(): Result<true> | undefined {
    return this.#outcome?.ok === false ? this.#outcome : undefined
  }
}
