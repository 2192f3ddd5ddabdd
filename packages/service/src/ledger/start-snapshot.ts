import { equalBytes, ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { NodeReference } from "@keygrove/hierarchy"
import {
  isSameHead,
  MAX_SNAPSHOT_CHUNK_BYTES,
  verifySnapshotHead,
  verifySnapshotSigner,
  type LedgerHead,
  type LedgerIndex,
  type LedgerSnapshot,
  type SnapshotHead,
} from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { Clock } from "../ports/clock.ts"
import type { LedgerSlice, RefreshRefusal } from "../ports/ledger-engine.ts"
import type { StartableCopy } from "../ports/ledger-snapshots.ts"
import type { LedgerSource } from "../ports/ledger-source.ts"
import type { HostRefusal, OfferedSnapshot, SnapshotName } from "./host-client.ts"
import { readSnapshot } from "./open-snapshot.ts"
import type { LedgerReplica } from "./replica.ts"
import { readChains } from "./snapshot-chains.ts"

/** A source that has snapshots to start from. */
export interface SnapshotSource extends Pick<LedgerSource, "head" | "read" | "title"> {
  snapshot(length: LedgerIndex, options: CallOptions): Promise<Result<OfferedSnapshot, HostRefusal>>
  part(name: SnapshotName, place: number, options: CallOptions): Promise<Result<Uint8Array, HostRefusal>>
}

/** What a follower needs to start from a snapshot of what it follows. */
export interface SnapshotStartOptions {
  readonly primitives: Pick<Primitives, "sha256" | "ed25519">
  /** The follower's own copy. */
  readonly copy: StartableCopy
  /** The follower: only a node of its own cluster is believed. */
  readonly reader: Pick<NodeReference, "cluster">
  readonly clock: Clock
  /** What the copy says, once it is folded: whatever it knows of its own cluster a snapshot must know too. */
  readonly folded: () => Pick<LedgerReplica, "head" | "keyChain"> | undefined
  /** Told once of each snapshot that is not believed. */
  readonly onRefused?: (refusal: Refusal) => void
}

/** How long a source that offered a snapshot which is not believed is not asked for another. */
const REFUSED_PAUSE_MS = 60_000

interface Offer {
  readonly head: SnapshotHead
  readonly encoded: Uint8Array
}

/**
 * Brings a copy to a snapshot of its source, a host or etcd, where that has dropped what comes next. Until all of it is judged the copy has nothing of it but parts that nobody reads
 * (docs/decisions/snapshots.md, "From a host that pruned").
 */
export class SnapshotStarter {
  readonly #options: SnapshotStartOptions
  /** The snapshot whose parts are in the file up to `place`; goes on there after a line broke. */
  #taking: { readonly name: SnapshotName; place: number } | undefined
  #refused: { readonly refusal: Refusal<RefreshRefusal>; readonly until: number } | undefined

  constructor(options: SnapshotStartOptions) {
    this.#options = options
  }

  /** Resolves with the copy's new head. Refused, the copy is as it was; `LEDGER_FORKED` when the source holds another head where the copy ends. */
  async start(source: SnapshotSource, own: LedgerHead, options: CallOptions): Promise<Result<LedgerHead, RefreshRefusal>> {
    const { clock, onRefused } = this.#options
    if (this.#refused !== undefined && clock.now() < this.#refused.until) return this.#refused.refusal
    const started = await this.#startNow(source, own, options)
    const isDisbelieved = !started.ok && started.code.startsWith("SNAPSHOT_")
    this.#refused = isDisbelieved ? { refusal: started, until: clock.now() + REFUSED_PAUSE_MS } : undefined
    if (isDisbelieved) onRefused?.(started)
    return started
  }

  async #startNow(source: SnapshotSource, own: LedgerHead, options: CallOptions): Promise<Result<LedgerHead, RefreshRefusal>> {
    const { copy, folded, primitives, reader } = this.#options
    const known = folded()
    if (own.length > 0 && (known === undefined || !isSameHead(known.head, own)))
      return refuse("LEDGER_UNREACHABLE", "this node has not read its own copy of the ledger yet")
    const offer = await this.#offered(source, own, options)
    if (!offer.ok) return offer
    const { encoded, head } = offer.value
    const taken = await this.#take(source, head, options)
    if (!taken.ok) return taken
    const snapshot = await readSnapshot({ primitives, snapshots: copy.snapshots }, head, options)
    // Whatever is wrong with its parts, they are asked for anew.
    this.#taking = undefined
    if (!snapshot.ok) return snapshot
    const knowsAll = this.#knowsWhatIsKnown(snapshot.value, own, known)
    if (!knowsAll.ok) return knowsAll
    const chains = await readChains({ primitives, cluster: reader.cluster, copy, source }, snapshot.value, own, options)
    if (!chains.ok) return chains
    const believed = verifySnapshotSigner({ head, snapshot: snapshot.value }, chains.value.own)
    if (!believed.ok) return believed
    const started = await copy.startFrom({ expected: own, head, signed: encoded, kept: chains.value.kept }, options)
    if (started.ok) return ok({ length: head.length, hash: head.hash })
    if (started.code === "LEDGER_CORRUPT") return refuse("SNAPSHOT_INVALID", started.message)
    return refuse(started.code === "DISK_FULL" ? "DISK_FULL" : "LEDGER_UNREACHABLE", started.message)
  }

  /** What the source offers, as far as it can be judged before its parts are there. */
  async #offered(source: SnapshotSource, own: LedgerHead, options: CallOptions): Promise<Result<Offer, RefreshRefusal>> {
    const offered = await source.snapshot(own.length, options)
    if (!offered.ok) return toStartRefusal(offered)
    const { before, head: encoded } = offered.value
    if (!equalBytes(before, own.hash)) {
      const heads = `${toHex(before)} at ${own.length}, this node holds ${toHex(own.hash)}`
      return refuse("LEDGER_FORKED", `${source.title} shows ${heads}; do not trust it`)
    }
    const head = verifySnapshotHead(this.#options.primitives, encoded)
    if (!head.ok) return head
    const { author, length } = head.value
    if (length <= own.length)
      return refuse("LEDGER_PRUNED", `${source.title} dropped what follows entry ${own.length}, and its newest snapshot is at ${length}`)
    if (author.cluster !== this.#options.reader.cluster)
      return refuse(
        "SNAPSHOT_SIGNER_UNKNOWN",
        `the snapshot that ${source.title} offers is signed by ${author.path} of another cluster; copy ledger.db of a node of this cluster, or follow one`,
      )
    const standing = await hashAt(source, length, options)
    if (!standing.ok) return standing
    if (standing.value !== undefined && equalBytes(standing.value, head.value.hash)) return ok({ head: head.value, encoded })
    return refuse("SNAPSHOT_INVALID", `the snapshot at entry ${length} is of another log than that of ${source.title}`)
  }

  /** Writes the parts into the copy's file, from where an earlier try of the same snapshot was cut off. */
  async #take(source: SnapshotSource, head: SnapshotHead, options: CallOptions): Promise<Result<true, RefreshRefusal>> {
    const taking = this.#taking !== undefined && isSameName(this.#taking.name, head) ? this.#taking : { name: head, place: 0 }
    this.#taking = taking
    while (taking.place < head.chunks) {
      const part = await source.part(head, taking.place, options)
      if (!part.ok) return toStartRefusal(part)
      const isLast = taking.place === head.chunks - 1
      if (!isLast && part.value.length !== MAX_SNAPSHOT_CHUNK_BYTES)
        return refuse("SNAPSHOT_INVALID", `part ${taking.place} of the snapshot that ${source.title} offers has ${part.value.length} bytes`)
      const put = await this.#options.copy.snapshots.putChunk(head.length, taking.place, part.value, options)
      // Another snapshot that was begun meanwhile drops these parts: they are asked for anew.
      if (!put.ok) this.#taking = undefined
      if (!put.ok) return refuse(put.code === "DISK_FULL" ? "DISK_FULL" : "LEDGER_UNREACHABLE", put.message)
      taking.place++
    }
    return ok(true)
  }

  /** A source cannot take back what this node has read of its own cluster, such as that the signer was revoked. */
  #knowsWhatIsKnown(
    { keyChains }: LedgerSnapshot,
    own: LedgerHead,
    known: Pick<LedgerReplica, "keyChain"> | undefined,
  ): Result<true, "SNAPSHOT_INVALID"> {
    const { cluster } = this.#options.reader
    const read = own.length === 0 ? [] : (known?.keyChain(cluster)?.indexes ?? [])
    const claimed = (keyChains.get(cluster)?.indexes ?? []).filter((index) => index < own.length)
    if (claimed.length === read.length && claimed.every((index, place) => index === read[place])) return ok(true)
    return refuse(
      "SNAPSHOT_INVALID",
      `the offered snapshot names ${claimed.length} statements of this node's own cluster before entry ${own.length}, or others than the ${read.length} that are there`,
    )
  }
}

function isSameName(a: SnapshotName, b: SnapshotName): boolean {
  return a.length === b.length && equalBytes(a.digest, b.digest)
}

/** The hash of the source's head at a length; `undefined` when its log does not go there. */
async function hashAt(
  source: Pick<LedgerSource, "head" | "read">,
  length: LedgerIndex,
  options: CallOptions,
): Promise<Result<Uint8Array | undefined, RefreshRefusal>> {
  const head = await source.head(options)
  if (!head.ok) return head
  if (head.value.length <= length) return ok(head.value.length === length ? head.value.hash : undefined)
  const slice: Result<LedgerSlice, RefreshRefusal> = await source.read(length, 1, options)
  return slice.ok ? ok(slice.value.before) : slice
}

/** Whatever else a source refuses with, it cannot be started from now. */
function toStartRefusal({ code, message }: Refusal<HostRefusal>): Refusal<RefreshRefusal> {
  return refuse(code === "LEDGER_PRUNED" ? "LEDGER_PRUNED" : "LEDGER_UNREACHABLE", message)
}
