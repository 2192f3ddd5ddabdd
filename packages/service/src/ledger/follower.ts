import { equalBytes, KeygroveError, ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  isSameHead,
  MAX_BATCH_BYTES,
  MAX_BATCH_ENTRIES,
  MAX_SLICE_ENTRIES,
  nextHead,
  type FoldedLedger,
  type LedgerHead,
  type LedgerIndex,
} from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { Clock } from "../ports/clock.ts"
import type { AppendRefusal, LedgerEngine, LedgerSlice, RefreshRefusal } from "../ports/ledger-engine.ts"
import type { PeerAddress, Transport } from "../ports/transport.ts"
import { foundKey } from "../peers/found-key.ts"
import { joinLedger } from "../peers/join-ledger.ts"
import { LedgerHostClient, type HostRefusal } from "./host-client.ts"
import { proveHost, successorOf } from "./host-finder.ts"
import { Wakeup } from "./wakeup.ts"

export interface FollowerOptions {
  readonly transport: Transport
  readonly host: PeerAddress
  /** Where this node keeps its own verified copy; an embedded engine of its own file. Owned by the follower from here on. */
  readonly copy: LedgerEngine
  readonly clock: Clock
  readonly primitives: Pick<Primitives, "sha256" | "ed25519">
  /** The fold of the copy, once there is one: it says what key the host has after a rekey. Without it a follower stays with the key that it was given. */
  readonly folded?: () => FoldedLedger | undefined
  /** Told where the ledger's host is from now on, under the key that the ledger says it has. */
  readonly onMoved?: (host: PeerAddress) => void
}

/** Pauses after failures: doubled from the first to the last. */
const FIRST_PAUSE_MS = 250
const LAST_PAUSE_MS = 10_000
/** Pause after something in the host's place had this node check many signatures for nothing. */
const PROOF_PAUSE_MS = 60_000

type Distrust = Refusal<"LEDGER_FORKED" | "LEDGER_CORRUPT">
type PullRefusal = RefreshRefusal

/**
 * Follows another node's ledger. Every entry is verified before it is kept in the own copy, which answers reads also while the host is away.
 * A host that contradicts the copy is distrusted for good: `watch` throws and `append` refuses `LEDGER_FORKED`, and the copy stays as it was.
 * A host that rekeyed is followed under its new key when the ledger says that it is its: as far as the copy goes, or by what the node that has that key
 * shows after it (docs/decisions/rekey.md, "The network").
 */
export class FollowerLedgerEngine implements LedgerEngine {
  readonly #options: FollowerOptions
  readonly #stop = new AbortController()
  readonly #distrusted = new AbortController()
  readonly #changed = new Wakeup()
  #host: LedgerHostClient
  #proving: Promise<boolean> | undefined
  #provesAgainAt = 0
  #distrust: Distrust | undefined
  #caughtUpOnce = false
  #lastPull: Promise<unknown> = Promise.resolve()
  #following: Promise<void> = Promise.resolve()

  private constructor(options: FollowerOptions) {
    this.#options = options
    this.#host = new LedgerHostClient(options.transport, options.host, options.clock)
  }

  /** Starts to follow in the background. */
  static start(options: FollowerOptions): FollowerLedgerEngine {
    const follower = new FollowerLedgerEngine(options)
    follower.#following = follower.#follow()
    return follower
  }

  /** Why the host is distrusted, when it is. */
  get distrust(): Distrust | undefined {
    return this.#distrust
  }

  /** Resolves when the copy has once reached the host's head since the start; refuses when the host is distrusted. */
  async caughtUp({ signal }: CallOptions): Promise<Result<true, "LEDGER_FORKED" | "LEDGER_CORRUPT" | "LEDGER_UNREACHABLE">> {
    while (!this.#caughtUpOnce) {
      signal.throwIfAborted()
      if (this.#distrust !== undefined) return this.#distrust
      if (this.#stop.signal.aborted) return refuse("LEDGER_UNREACHABLE", "the follower was closed")
      await this.#changed.wait(signal)
    }
    return ok(true)
  }

  /** Where the ledger's host is, under the key that it is followed by. */
  get host(): PeerAddress {
    return this.#host.host
  }

  /**
   * Asks the host to append what makes this node's own key known, see {@link joinLedger}. Whoever answers in the host's place is asked too: the statements are public and
   * signed, so that it can do nothing with them but append them.
   */
  async join(entries: readonly Uint8Array[], options: CallOptions): Promise<Result<LedgerHead>> {
    const { transport } = this.#options
    const joined = await joinLedger(transport, this.host, entries, options)
    const signingKey = joined.ok ? undefined : foundKey(joined)
    return signingKey === undefined ? joined : await joinLedger(transport, { ...this.host, signingKey }, entries, options)
  }

  async head(options: CallOptions): Promise<LedgerHead> {
    return this.#options.copy.head(options)
  }

  async read(
    from: LedgerIndex,
    limit: number,
    options: CallOptions,
  ): Promise<Result<LedgerSlice, "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT">> {
    return this.#options.copy.read(from, limit, options)
  }

  /** `LEDGER_UNREACHABLE` may mean that the answer was lost: the entries may be on the ledger. They are judged again when they are appended again. */
  async append(batch: readonly Uint8Array[], expected: LedgerHead, options: CallOptions): Promise<Result<LedgerHead, AppendRefusal>> {
    options.signal.throwIfAborted()
    if (this.#distrust !== undefined) return this.#distrust
    if (batch.length < 1 || batch.length > MAX_BATCH_ENTRIES || sizeOf(batch) > MAX_BATCH_BYTES) {
      return refuse(
        "LEDGER_ENTRY_INVALID",
        `batch has ${batch.length} entries; 1 to ${MAX_BATCH_ENTRIES} with at most ${MAX_BATCH_BYTES} bytes are allowed`,
      )
    }
    const appended = await this.#appendThere(batch, expected, options)
    if (appended.ok) return this.#keepOwn(batch, expected, appended.value)
    // What moved the head is fetched at once, so that the caller's next try starts from there.
    if (appended.code === "LEDGER_HEAD_MOVED") await this.#pull(undefined, options)
    return toAppendRefusal(appended)
  }

  async refresh(options: CallOptions): Promise<Result<true, PullRefusal>> {
    options.signal.throwIfAborted()
    return this.#pull(undefined, options)
  }

  async *watch(from: LedgerIndex, { signal }: CallOptions): AsyncGenerator<LedgerSlice, undefined> {
    yield* this.#options.copy.watch(from, { signal: AbortSignal.any([signal, this.#distrusted.signal, this.#stop.signal]) })
    if (!signal.aborted && this.#distrust !== undefined) throw new KeygroveError(this.#distrust.code, this.#distrust.message)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#changed.wake()
    await this.#following
    await this.#lastPull
    await this.#options.copy[Symbol.asyncDispose]()
  }

  async #follow(): Promise<void> {
    const { clock, copy } = this.#options
    const { signal } = this.#stop
    let pauseMs = FIRST_PAUSE_MS
    let remote: LedgerHead | undefined
    try {
      while (this.#distrust === undefined) {
        const pulled = await this.#pull(remote, { signal })
        const before = await copy.head({ signal })
        const waited = pulled.ok ? await this.#waitThere(before.length, { signal }) : pulled
        remote = waited.ok ? waited.value : undefined
        // A host that answers a wait early and without news would otherwise be asked in a tight loop.
        const hasNews = remote !== undefined && remote.length !== before.length
        pauseMs = hasNews ? FIRST_PAUSE_MS : pauseMs
        if (!hasNews && this.#distrust === undefined) await clock.sleep(pauseMs, { signal })
        pauseMs = waited.ok ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LAST_PAUSE_MS)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Brings the copy up to the host's head (asked for, unless just learned). One at a time. */
  async #pull(remote: LedgerHead | undefined, options: CallOptions): Promise<Result<true, PullRefusal>> {
    const mine = this.#lastPull.then(() => this.#pullNow(remote, options))
    this.#lastPull = mine.catch(() => undefined)
    return mine
  }

  async #pullNow(known: LedgerHead | undefined, options: CallOptions): Promise<Result<true, PullRefusal>> {
    if (this.#distrust !== undefined) return this.#distrust
    const asked = known === undefined ? await this.#askHead(options) : ok(known)
    if (!asked.ok) return unreachable(asked)
    const remote = asked.value
    let local = await this.#options.copy.head(options)
    while (local.length < remote.length) {
      const slice = await this.#host.read(local.length, MAX_SLICE_ENTRIES, options)
      if (!slice.ok) return unreachable(slice)
      if (slice.value.entries.length === 0)
        return refuse("LEDGER_UNREACHABLE", `the ledger's host claims ${remote.length} entries but gave none after ${local.length}`)
      if (!equalBytes(slice.value.before, local.hash)) return this.#fork(local, { length: local.length, hash: slice.value.before })
      const kept = await this.#keep(slice.value, options)
      if (!kept.ok) return kept
      local = kept.value
    }
    if (await this.#contradicts(remote, local, options)) return this.#fork(local, remote)
    this.#caughtUpOnce = true
    this.#changed.wake()
    return ok(true)
  }

  /** The host's head, from the host under whatever key it has now. */
  async #askHead(options: CallOptions): Promise<Result<LedgerHead, HostRefusal>> {
    const moved = await this.#followRekey(options)
    if (moved !== undefined) return ok(moved)
    const asked = await this.#host.head(options)
    if (asked.ok || !(await this.#followFound(asked, options))) return asked
    return await this.#host.head(options)
  }

  async #waitThere(length: LedgerIndex, options: CallOptions): Promise<Result<LedgerHead, HostRefusal>> {
    const moved = await this.#followRekey(options)
    return moved === undefined || moved.length === length ? await this.#host.wait(length, options) : ok(moved)
  }

  async #appendThere(batch: readonly Uint8Array[], expected: LedgerHead, options: CallOptions): Promise<Result<LedgerHead, HostRefusal>> {
    const appended = await this.#host.append(batch, expected, options)
    // Nothing was sent to a node that is another than the one that was called.
    if (appended.ok || !(await this.#followFound(appended, options))) return appended
    return await this.#host.append(batch, expected, options)
  }

  /** Goes on to the key that the host has by this node's own copy, once something answers under it. */
  async #followRekey(options: CallOptions): Promise<LedgerHead | undefined> {
    const ledger = this.#options.folded?.()
    const key = ledger === undefined ? undefined : successorOf(ledger.state, this.#host.host.signingKey)
    if (key === undefined) return undefined
    const there = this.#host.under(key)
    const head = await there.head(options)
    if (!head.ok) return undefined
    this.#moveTo(there)
    return head.value
  }

  /** Goes on to a key that was found in the place of the host's, when whoever has it proves that it is the host's. */
  async #followFound(refusal: Refusal, options: CallOptions): Promise<boolean> {
    const { clock, copy, folded } = this.#options
    const key = foundKey(refusal)
    const ledger = folded?.()
    if (key === undefined || ledger === undefined || clock.now() < this.#provesAgainAt) return false
    if (!isSameHead(ledger.head, await copy.head(options))) return false
    // One at a time, for whoever found another key first: who comes meanwhile asks again as well.
    this.#proving ??= this.#prove(ledger, this.#host.under(key)).finally(() => {
      this.#proving = undefined
    })
    return await this.#proving
  }

  async #prove(ledger: FoldedLedger, found: LedgerHostClient): Promise<boolean> {
    const { clock, primitives } = this.#options
    const expected = this.#host.host.signingKey
    const { isProved, read } = await proveHost(primitives, ledger, { expected, found }, { signal: this.#stop.signal })
    if (isProved) this.#moveTo(found)
    else if (read > MAX_SLICE_ENTRIES) this.#provesAgainAt = clock.now() + PROOF_PAUSE_MS
    return isProved
  }

  #moveTo(there: LedgerHostClient): void {
    this.#host = there
    this.#options.onMoved?.(there.host)
  }

  /** Whether the host's head denies what the copy holds: another hash at the same length, or a log cut short. */
  async #contradicts(remote: LedgerHead, local: LedgerHead, options: CallOptions): Promise<boolean> {
    if (remote.length >= local.length) return remote.length === local.length && !isSameHead(local, remote)
    const there = await this.#options.copy.read(remote.length, 1, options)
    if (there.ok && !equalBytes(there.value.before, remote.hash)) return true
    // The answer may be older than an own append that is kept already: only a host that still says so has cut its log.
    const again = await this.#host.head(options)
    return again.ok && again.value.length < local.length
  }

  /** Verifies and keeps a slice that follows the copy's head. */
  async #keep(slice: LedgerSlice, options: CallOptions): Promise<Result<LedgerHead, PullRefusal>> {
    let head: LedgerHead = { length: slice.from, hash: slice.before }
    for (const batch of batches(slice.entries)) {
      const kept = await this.#options.copy.append(batch, head, options)
      if (kept.ok) head = kept.value
      else if (kept.code === "LEDGER_ENTRY_INVALID") return this.#corrupt(head, kept)
      else if (kept.code === "LEDGER_HEAD_MOVED") return ok(await this.#options.copy.head(options))
      else
        return refuse(
          kept.code === "DISK_FULL" ? "DISK_FULL" : "LEDGER_UNREACHABLE",
          `the own copy of the ledger could not be written: ${kept.message}`,
        )
    }
    return ok(head)
  }

  /** Keeps an own batch that the host has acknowledged, after checking that the host chained it as everybody does. */
  async #keepOwn(batch: readonly Uint8Array[], expected: LedgerHead, claimed: LedgerHead): Promise<Result<LedgerHead, AppendRefusal>> {
    const head = batch.reduce((last, entry) => nextHead(this.#options.primitives, last, entry), expected)
    if (!isSameHead(head, claimed)) return this.#fork(head, claimed)
    // Refused when the background was faster, or the copy is behind: then the next pull brings it.
    await this.#options.copy.append(batch, expected, { signal: this.#stop.signal })
    return ok(head)
  }

  #fork(own: LedgerHead, claimed: LedgerHead): Distrust {
    const show = (head: LedgerHead): string => `${toHex(head.hash)} at ${head.length}`
    return this.#distrustFor(
      refuse("LEDGER_FORKED", `the ledger's host shows ${show(claimed)}, this node holds ${show(own)}; do not trust this host`, {
        own: show(own),
        claimed: show(claimed),
      }),
    )
  }

  #corrupt(head: LedgerHead, refusal: Refusal): Distrust {
    return this.#distrustFor(
      refuse("LEDGER_CORRUPT", `the ledger's host gave an invalid entry at or after ${head.length} (${refusal.message}); do not trust it`, {
        index: head.length,
      }),
    )
  }

  #distrustFor(refusal: Distrust): Distrust {
    this.#distrust ??= refusal
    this.#distrusted.abort()
    this.#changed.wake()
    return this.#distrust
  }
}

function* batches(entries: readonly Uint8Array[]): Generator<readonly Uint8Array[], undefined> {
  for (let from = 0; from < entries.length; from += MAX_BATCH_ENTRIES) yield entries.slice(from, from + MAX_BATCH_ENTRIES)
}

function sizeOf(batch: readonly Uint8Array[]): number {
  return batch.reduce((sum, entry) => sum + entry.length, 0)
}

function unreachable(refusal: Refusal<HostRefusal>): Refusal<"LEDGER_UNREACHABLE"> {
  return refuse("LEDGER_UNREACHABLE", refusal.message)
}

function toAppendRefusal(refusal: Refusal<HostRefusal>): Refusal<AppendRefusal> {
  switch (refusal.code) {
    case "LEDGER_BUSY":
    case "LEDGER_REQUEST_INVALID":
      return refuse("LEDGER_UNREACHABLE", `the ledger's host refused: ${refusal.message}`)
    // The host's own disk and file are not this node's.
    case "DISK_FULL":
    case "LEDGER_CORRUPT":
    case "LEDGER_FORKED":
      return refuse("LEDGER_UNREACHABLE", `the ledger's host cannot append (${refusal.code}): ${refusal.message}`)
    default:
      return refuse(refusal.code, refusal.message)
  }
}
