import { isSameHead, MAX_SLICE_ENTRIES, type FoldedLedger, type LedgerHead, type LedgerIndex } from "@keygrove/ledger"
import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { foundKey } from "../peers/found-key.ts"
import { joinLedger } from "../peers/join-ledger.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Clock } from "../ports/clock.ts"
import type { AppendRefusal, LedgerEngine, LedgerSlice } from "../ports/ledger-engine.ts"
import type { LedgerSource, SourceRefusal } from "../ports/ledger-source.ts"
import type { PeerAddress, Transport } from "../ports/transport.ts"
import { FollowerLedgerEngine } from "./follower.ts"
import { LedgerHostClient, type HostRefusal, type OfferedSnapshot, type SnapshotName } from "./host-client.ts"
import { proveHost, successorOf } from "./host-finder.ts"
import { SnapshotStarter, type SnapshotStartOptions } from "./start-snapshot.ts"

export interface HostSourceOptions {
  readonly transport: Transport
  readonly host: PeerAddress
  /** This node's own copy. */
  readonly copy: Pick<LedgerEngine, "head">
  readonly clock: Clock
  readonly primitives: Pick<Primitives, "sha256" | "ed25519">
  /** The fold of the copy, once there is one: it says what key the host has after a rekey. Without it the host stays under the key that was given. */
  readonly folded?: () => FoldedLedger | undefined
  /** Told where the ledger's host is from now on, under the key that the ledger says it has. */
  readonly onMoved?: (host: PeerAddress) => void
}

/** Pause after something in the host's place had this node check many signatures for nothing. */
const PROOF_PAUSE_MS = 60_000

/**
 * Another node that hosts the ledger, over protocol `ledger`. One that rekeyed is found under its new key when the ledger says that it is its: as far as the own
 * copy goes, or by what the node that has that key shows after it (docs/decisions/rekey.md, "The network").
 */
export class LedgerHostSource implements LedgerSource {
  readonly title: string = "the ledger's host"
  readonly #options: HostSourceOptions
  readonly #stop = new AbortController()
  #client: LedgerHostClient
  #proving: Promise<boolean> | undefined
  #provesAgainAt = 0

  constructor(options: HostSourceOptions) {
    this.#options = options
    this.#client = new LedgerHostClient(options.transport, options.host, options.clock)
  }

  /** Where the ledger's host is, under the key that it is followed by. */
  get host(): PeerAddress {
    return this.#client.host
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

  async head(options: CallOptions): Promise<Result<LedgerHead, SourceRefusal>> {
    const moved = await this.#followRekey(options)
    if (moved !== undefined) return ok(moved)
    const asked = await this.#client.head(options)
    return toSourceRefusal(asked.ok || !(await this.#followFound(asked, options)) ? asked : await this.#client.head(options))
  }

  async read(from: LedgerIndex, limit: number, options: CallOptions): Promise<Result<LedgerSlice, SourceRefusal | "LEDGER_PRUNED">> {
    const slice = await this.#client.read(from, limit, options)
    return !slice.ok && slice.code === "LEDGER_PRUNED" ? refuse(slice.code, slice.message) : toSourceRefusal(slice)
  }

  /** What the host offers to start from, for a copy of `length` entries. */
  async snapshot(length: LedgerIndex, options: CallOptions): Promise<Result<OfferedSnapshot, HostRefusal>> {
    return await this.#client.snapshot(length, options)
  }

  /** A part of what it offered. */
  async part(name: SnapshotName, place: number, options: CallOptions): Promise<Result<Uint8Array, HostRefusal>> {
    return await this.#client.part(name, place, options)
  }

  async append(batch: readonly Uint8Array[], expected: LedgerHead, options: CallOptions): Promise<Result<LedgerHead, AppendRefusal>> {
    const appended = await this.#client.append(batch, expected, options)
    // Nothing was sent to a node that is another than the one that was called.
    const last =
      appended.ok || !(await this.#followFound(appended, options)) ? appended : await this.#client.append(batch, expected, options)
    return last.ok ? last : toAppendRefusal(last)
  }

  async wait(length: LedgerIndex, options: CallOptions): Promise<Result<LedgerHead, SourceRefusal>> {
    const moved = await this.#followRekey(options)
    return moved === undefined || moved.length === length ? toSourceRefusal(await this.#client.wait(length, options)) : ok(moved)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#proving?.catch(() => false)
  }

  /** Goes on to the key that the host has by this node's own copy, once something answers under it. */
  async #followRekey(options: CallOptions): Promise<LedgerHead | undefined> {
    const ledger = this.#options.folded?.()
    const key = ledger === undefined ? undefined : successorOf(ledger.state, this.host.signingKey)
    if (key === undefined) return undefined
    const there = this.#client.under(key)
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
    this.#proving ??= this.#prove(ledger, this.#client.under(key)).finally(() => {
      this.#proving = undefined
    })
    return await this.#proving
  }

  async #prove(ledger: FoldedLedger, found: LedgerHostClient): Promise<boolean> {
    const { clock, primitives } = this.#options
    const expected = this.host.signingKey
    const { isProved, read } = await proveHost(primitives, ledger, { expected, found }, { signal: this.#stop.signal })
    if (isProved) this.#moveTo(found)
    else if (read > MAX_SLICE_ENTRIES) this.#provesAgainAt = clock.now() + PROOF_PAUSE_MS
    return isProved
  }

  #moveTo(there: LedgerHostClient): void {
    this.#client = there
    this.#options.onMoved?.(there.host)
  }
}

export interface HostFollowerOptions extends Omit<HostSourceOptions, "copy"> {
  /** Where this node keeps its own verified copy; an embedded engine of its own file. Owned by the follower from here on. */
  readonly copy: LedgerEngine
  /** How the copy starts from a snapshot of a host that pruned; without it such a host is refused with `LEDGER_PRUNED`. */
  readonly snapshots?: SnapshotStartOptions
}

/** Starts to follow another node's ledger in the background. */
export function followHost(options: HostFollowerOptions): FollowerLedgerEngine<LedgerHostSource> {
  const { clock, copy, primitives, snapshots } = options
  const source = new LedgerHostSource(options)
  if (snapshots === undefined) return FollowerLedgerEngine.start({ source, copy, clock, primitives })
  const starter = new SnapshotStarter(snapshots)
  return FollowerLedgerEngine.start({
    source,
    copy,
    clock,
    primitives,
    onPruned: async (own, call) => await starter.start(source, own, call),
  })
}

/** Whatever the host refuses with, the ledger is out of reach. */
function toSourceRefusal<T>(answer: Result<T, HostRefusal>): Result<T, SourceRefusal> {
  return answer.ok ? answer : refuse("LEDGER_UNREACHABLE", answer.message)
}

function toAppendRefusal(refusal: Refusal<HostRefusal>): Refusal<AppendRefusal> {
  switch (refusal.code) {
    case "LEDGER_BUSY":
    case "LEDGER_REQUEST_INVALID":
      return refuse("LEDGER_UNREACHABLE", `the ledger's host refused: ${refusal.message}`)
    // The host's own disk and file are not this node's.
    case "DISK_FULL":
    case "LEDGER_CORRUPT":
    case "LEDGER_PRUNED":
    case "LEDGER_FORKED":
      return refuse("LEDGER_UNREACHABLE", `the ledger's host cannot append (${refusal.code}): ${refusal.message}`)
    default:
      return refuse(refusal.code, refusal.message)
  }
}
