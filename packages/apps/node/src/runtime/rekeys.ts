import { equalBytes, ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import { decodeEntry, findNodeByKey, type LedgerState } from "@keygrove/ledger"
import {
  checkRootStands,
  Wakeup,
  type CallOptions,
  type Keystore,
  type NodeContext,
  type PendingRekey,
  type PreparedRekey,
  type RekeyExchange,
} from "@keygrove/service"
import { readLastRekey } from "../home/last-rekey.ts"
import { transportIdentity } from "./open-transport.ts"

/** How often a rekey that could not be ended is tried again. */
const RETRY_MS = 1_000

type RekeyContext = Pick<NodeContext, "clock" | "keystore" | "replica" | "transport">

/** What became of a rekey: `pending` until the ledger has its statement. */
export interface RekeyOutcome {
  readonly state: "done" | "pending"
  readonly epoch: number
  /** What keeps it pending. */
  readonly refusal?: Refusal
}

/**
 * Takes the running node from one epoch to the next: statement onto the ledger, keystore, network, in this order. Each step can be repeated, so a rekey that was cut off anywhere is ended by
 * the next try, of this run or of a later one.
 */
export class Rekeys {
  readonly #context: RekeyContext
  readonly #log: (line: string) => void
  readonly #owed = new Wakeup()
  /** One at a time. */
  #last: Promise<unknown> = Promise.resolve()
  /** The signing key that the transport has. */
  #transportKey: Uint8Array
  #refusal: Refusal | undefined

  /** The transport has the identity that the keystore has now. */
  constructor(context: RekeyContext, log: (line: string) => void) {
    this.#context = context
    this.#log = log
    this.#transportKey = context.keystore.identity().keys.signingKey
  }

  /** What a person should know of a rekey that has not ended. */
  get warning(): string | undefined {
    const { keystore, replica } = this.#context
    const why = this.#refusal === undefined ? "" : `: ${this.#refusal.code}: ${this.#refusal.message}`
    const pending = keystore.pendingRekey()
    if (pending !== undefined) {
      const what = stands(replica.state, pending) ? "on the ledger and not entered yet" : "prepared and not on the ledger yet"
      return `epoch ${pending.keys.epoch} is ${what}${why}`
    }
    if (this.#hasMoved()) return undefined
    return `the network still has the key of the epoch before ${keystore.identity().keys.epoch}${why}`
  }

  /** Begins an exchange with a ceremony. */
  async begin(call: CallOptions): Promise<Result<RekeyExchange>> {
    const { keystore, replica } = this.#context
    if (findNodeByKey(replica.state, keystore.identity().keys.signingKey) === undefined)
      return refuse("NODE_NOT_ON_LEDGER", "the ledger does not have this node with its current keys; see the warnings of `keygrove status`")
    const stands = checkRootStands(this.#context)
    return stands.ok ? await keystore.beginRekey(call) : stands
  }

  /** Takes what the ceremony prepared and ends the rekey, or leaves it pending. Repeated for the same epoch, it says what became of it. */
  async finish(prepared: PreparedRekey, call: CallOptions): Promise<Result<RekeyOutcome>> {
    const { keystore } = this.#context
    if (!this.#isTaken(prepared.entry)) {
      const accepted = await keystore.acceptRekey(prepared, call)
      if (!accepted.ok) return accepted
    }
    // Whoever asked may give up; what was accepted is ended all the same.
    this.#owed.wake()
    const settled = await this.settle(call)
    const pending = keystore.pendingRekey()
    if (pending === undefined) return ok({ state: "done", epoch: keystore.identity().keys.epoch })
    return ok({ state: "pending", epoch: pending.keys.epoch, ...(settled.ok ? {} : { refusal: settled }) })
  }

  /** Does what is left of a rekey, once; nothing when there is none. */
  async settle(call: CallOptions): Promise<Result<true>> {
    const mine = this.#last.then(async () => await this.#settleNow(call))
    this.#last = mine.catch(() => undefined)
    return await mine
  }

  /** Ends every rekey that is left, until the signal fires. */
  async run({ signal }: CallOptions): Promise<void> {
    while (!signal.aborted) {
      const seen = this.#owed.count
      if (!this.#isOwed()) await this.#owed.wait(signal, seen)
      else if (!(await this.settle({ signal })).ok) await this.#context.clock.sleep(RETRY_MS, { signal })
    }
  }

  async #settleNow(call: CallOptions): Promise<Result<true>> {
    const advanced = await this.#advance(call)
    const settled = advanced.ok ? await this.#move(call) : advanced
    this.#refusal = settled.ok ? undefined : settled
    return settled
  }

  async #advance(call: CallOptions): Promise<Result<true>> {
    const { keystore, replica } = this.#context
    const pending = keystore.pendingRekey()
    if (pending === undefined) return ok(true)
    if (!stands(replica.state, pending)) {
      const appended = await replica.appendEntries([pending.entry], call)
      // An earlier run may have brought it there, which is known only now.
      if (!appended.ok && !stands(replica.state, pending)) return appended
    }
    const finished = await keystore.finishRekey(call)
    if (!finished.ok) return finished
    this.#log(`rekeyed: ${finished.value.path} is in epoch ${finished.value.keys.epoch}`)
    return ok(true)
  }

  async #move(call: CallOptions): Promise<Result<true>> {
    if (this.#hasMoved()) return ok(true)
    const identity = transportIdentity(this.#context.keystore)
    const moved = await this.#context.transport.move(identity, call)
    if (moved.ok) this.#transportKey = identity.signingKey
    return moved
  }

  /** Whether an entry is the statement of the epoch that is pending, or of the one that the node is in. */
  #isTaken(bytes: Uint8Array): boolean {
    const { keystore } = this.#context
    const pending = keystore.pendingRekey()
    if (pending !== undefined) return equalBytes(pending.entry, bytes)
    const entry = decodeEntry(bytes)
    if (!entry.ok || entry.value.statement?.kind !== "rekey") return false
    return equalBytes(entry.value.statement.body.keys.signingKey, keystore.identity().keys.signingKey)
  }

  #isOwed(): boolean {
    return this.#context.keystore.pendingRekey() !== undefined || !this.#hasMoved()
  }

  #hasMoved(): boolean {
    return equalBytes(this.#context.keystore.identity().keys.signingKey, this.#transportKey)
  }
}

/**
 * Goes on to the epoch that an earlier run of this node entered, before anything is done in the name of the one that the keystore starts in. When the node's own copy of the ledger does not
 * have the statement, {@link Rekeys} brings it there.
 */
export async function resumeEpoch(
  keystore: Pick<Keystore, "finishRekey" | "identity" | "pendingRekey">,
  ledger: string,
  call: CallOptions,
): Promise<Result<true>> {
  const pending = keystore.pendingRekey()
  if (pending === undefined) return ok(true)
  const last = await readLastRekey(ledger, keystore.identity(), call)
  if (!last.ok) return last
  if (last.value === undefined || !equalBytes(last.value.entry, pending.entry)) return ok(true)
  const finished = await keystore.finishRekey(call)
  return finished.ok ? ok(true) : finished
}

/** Whether the ledger has the statement of an epoch. */
function stands(state: LedgerState, { keys }: PendingRekey): boolean {
  return state.signingKeys.has(toHex(keys.signingKey))
}
