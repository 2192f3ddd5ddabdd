import { ok, type Refusal, type Result } from "@keygrove/base"
import { decodeEntry, findNodeByKey } from "@keygrove/ledger"
import { resumeGrants, retryGrants, retryRevocations, type CallOptions, type GrantRemaking, type NodeContext } from "@keygrove/service"
import { readGenesis } from "../home/home-facts.ts"
import type { Home } from "../home/home.ts"
import type { LedgerRole } from "../home/ledger-role.ts"
import type { OpenedLedger } from "./open-ledger.ts"
import type { Rekeys } from "./rekeys.ts"

/** Pauses until this node tries again to become known on the ledger: doubled from the first to the last. */
const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 5_000

export interface BackgroundSources {
  readonly home: Home
  readonly remaking: GrantRemaking
  readonly rekeys: Rekeys
  readonly role: LedgerRole
  /** How a node that follows another's ledger becomes known there. */
  readonly followed: OpenedLedger["followed"]
  readonly log: (line: string) => void
}

/** What a node does by itself while it runs. */
export class Background implements AsyncDisposable {
  readonly #context: NodeContext
  readonly #home: Home
  readonly #remaking: GrantRemaking
  readonly #rekeys: Rekeys
  readonly #role: LedgerRole
  readonly #followed: OpenedLedger["followed"]
  readonly #log: (line: string) => void
  readonly #stop = new AbortController()
  #work: Promise<unknown> = Promise.resolve()
  #lastRefusal: Refusal | undefined

  constructor(context: NodeContext, { followed, home, log, rekeys, remaking, role }: BackgroundSources) {
    this.#context = context
    this.#home = home
    this.#remaking = remaking
    this.#rekeys = rekeys
    this.#role = role
    this.#followed = followed
    this.#log = log
  }

  get lastRefusal(): Refusal | undefined {
    return this.#lastRefusal
  }

  /** Tries once to put the ceremony's statements on the ledger; a host that cannot be reached is for {@link Background.start}. */
  async introduce(call: CallOptions): Promise<Result<true>> {
    const { keystore, replica } = this.#context
    if (findNodeByKey(replica.state, keystore.identity().keys.signingKey) !== undefined) return ok(true)
    const genesis = readGenesis(this.#home.genesis)
    if (!genesis.ok) return genesis
    const appended = await this.#append(genesis.value, call)
    if (appended.ok || findNodeByKey(replica.state, keystore.identity().keys.signingKey) !== undefined) return ok(true)
    this.#lastRefusal = appended
    return ok(true)
  }

  /** A follower that is not known yet may not read or append: the ledger's host does it for it. */
  async #append(genesis: readonly Uint8Array[], call: CallOptions): Promise<Result<unknown>> {
    const { replica } = this.#context
    // Others may have announced the cluster since: what is judged by an old copy would be refused.
    const refreshed = this.#role === "etcd" ? await replica.refresh(call) : ok(true)
    if (!refreshed.ok) return refreshed
    if (this.#followed === undefined)
      return await replica.appendEntries(
        genesis.filter((entry) => replica.judge([entry]).ok || isLater(entry)),
        call,
      )
    const joined = await this.#followed.join(genesis, call)
    if (joined.ok) return await replica.refresh(call)
    // A node that has ended may read of it.
    if (joined.code === "JOIN_ENDED") await replica.refresh(call)
    return joined
  }

  start(): void {
    const { signal } = this.#stop
    const work = [this.#settle(signal), this.#rekeys.run({ signal }), this.#endGrants(signal), retryRevocations(this.#context, { signal })]
    this.#work = Promise.all(work.map(async (each) => await this.#guard(each)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#work
  }

  /** Becomes known on the ledger. */
  async #settle(signal: AbortSignal): Promise<void> {
    const { clock, keystore, replica } = this.#context
    let pauseMs = FIRST_RETRY_MS
    while (findNodeByKey(replica.state, keystore.identity().keys.signingKey) === undefined) {
      await clock.sleep(pauseMs, { signal })
      pauseMs = Math.min(2 * pauseMs, LAST_RETRY_MS)
      await this.introduce({ signal })
    }
    this.#lastRefusal = undefined
  }

  /** Ends the grants that an earlier run left; then those of which this one does not know whether they stand, while it makes again what a rekey asks for. */
  async #endGrants(signal: AbortSignal): Promise<void> {
    const resumed = await resumeGrants(this.#context, { signal })
    if (!resumed.ok) this.#log(`${resumed.code}: ${resumed.message}`)
    await Promise.all([retryGrants(this.#context, { signal }), this.#remaking.run({ signal })])
  }

  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#log(`NODE_BACKGROUND_FAILED: ${error instanceof Error ? error.message : "unknown"}`)
    }
  }
}

/** Certificates and rekeys are judged together with what stands before them in the batch, not alone. */
function isLater(entry: Uint8Array): boolean {
  const decoded = decodeEntry(entry)
  return decoded.ok && decoded.value.kind !== "cluster"
}
