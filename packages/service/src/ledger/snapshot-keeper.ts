import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  clustersOutside,
  emptyDigest,
  encodeSnapshot,
  encodeSnapshotHead,
  MAX_SNAPSHOT_CHUNKS,
  nextDigest,
  snapshotHeadSignBytes,
  type LedgerIndex,
  type SnapshotHead,
} from "@keygrove/ledger"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Keystore } from "../ports/keystore.ts"
import type { LedgerSnapshots } from "../ports/ledger-snapshots.ts"
import type { PrunableLog, PruneOrder } from "../ports/prunable-log.ts"
import { readSnapshot } from "./open-snapshot.ts"

/** Entries after which a snapshot is taken by itself. */
export const SNAPSHOT_EVERY = 10_000
/** Pause after a snapshot could not be taken. */
const RETRY_MS = 60_000

/** What a keeper works with. */
export interface SnapshotContext extends Pick<NodeContext, "clock" | "replica"> {
  readonly primitives: Pick<Primitives, "sha256" | "ed25519">
  readonly keystore: Pick<Keystore, "identity" | "sign" | "state">
  readonly snapshots: LedgerSnapshots
}

/** What a keeper begins with. */
export interface KnownSnapshots {
  /** The head of the one that the replica went on from. */
  readonly newest?: SnapshotHead
  readonly prunedTo: LedgerIndex
  /** Entries after which one is taken by itself; {@link SNAPSHOT_EVERY} when absent. */
  readonly every?: number
}

/** A snapshot that is in the file. */
export type TakenSnapshot = SnapshotHead

/** Takes snapshots of a node's ledger: every so many entries, when the node has another key, and when it is asked to. */
export class SnapshotKeeper implements AsyncDisposable {
  readonly #context: SnapshotContext
  readonly #every: number
  readonly #stop = new AbortController()
  #newest: SnapshotHead | undefined
  #prunedTo: LedgerIndex
  #refusal: Refusal | undefined
  #last: Promise<unknown> = Promise.resolve()
  #running: Promise<void> = Promise.resolve()

  private constructor(context: SnapshotContext, { every = SNAPSHOT_EVERY, newest, prunedTo }: KnownSnapshots) {
    this.#context = context
    this.#every = every
    this.#newest = newest
    this.#prunedTo = prunedTo
  }

  /** Begins to take snapshots in the background. */
  static start(context: SnapshotContext, known: KnownSnapshots): SnapshotKeeper {
    const keeper = new SnapshotKeeper(context, known)
    keeper.#running = keeper.#run()
    return keeper
  }

  /** The newest one of this node; `undefined` before the first. */
  get newest(): TakenSnapshot | undefined {
    return this.#newest
  }

  /** Why the last one could not be taken by itself; `undefined` when it could. */
  get refusal(): Refusal | undefined {
    return this.#refusal
  }

  /** Takes a snapshot of all that the ledger says now. The one there is will do when nothing came since and the key is the same. */
  async take(options: CallOptions): Promise<Result<TakenSnapshot>> {
    const mine = this.#last.then(() => this.#takeNow(options))
    this.#last = mine.catch(() => undefined)
    return await mine
  }

  /** The index before which only entries of key chains are left in this node's file; 0 where nothing was dropped. */
  get prunedTo(): LedgerIndex {
    const { wentOnFrom } = this.#context.replica
    return wentOnFrom !== undefined && wentOnFrom > this.#prunedTo ? wentOnFrom : this.#prunedTo
  }

  /** Takes a snapshot and drops what came before it from this node's file, but the entries of key chains. */
  async prune(options: CallOptions): Promise<Result<TakenSnapshot>> {
    const taken = await this.take(options)
    if (!taken.ok) return taken
    const { length } = taken.value
    const { primitives, snapshots } = this.#context
    // What is dropped can only be had from it.
    const readBack = await readSnapshot({ primitives, snapshots }, taken.value, options)
    if (!readBack.ok) return readBack
    const pruned = await snapshots.prune(length, this.#keptBefore(length), options)
    if (!pruned.ok) return pruned
    this.#prunedTo = length
    return taken
  }

  /**
   * Takes a snapshot of all that the ledger says by now, puts it into the log that the cluster's nodes share, and drops what came before it there, but the entries of key chains. This node's own file stays
   * as it is. Refuses with `LEDGER_SHARED` when clusters are on the ledger whose nodes could not start from it, whether any is behind or not: nobody can tell.
   */
  async pruneLog(log: PrunableLog, options: CallOptions): Promise<Result<TakenSnapshot>> {
    const { keystore, primitives, replica, snapshots } = this.#context
    const refreshed = await replica.refresh(options)
    if (!refreshed.ok) return refreshed
    const outside = clustersOutside(replica.state, keystore.identity().cluster)
    if (outside.length > 0)
      return refuse(
        "LEDGER_SHARED",
        `${outside.length} other clusters are on this ledger, such as ${outside[0]?.slice(0, 16)}; their nodes could not start from a snapshot of this one`,
      )
    const taken = await this.take(options)
    if (!taken.ok) return taken
    const { length } = taken.value
    const readBack = await readSnapshot({ primitives, snapshots }, taken.value, options)
    if (!readBack.ok) return readBack
    const chunk: PruneOrder["chunk"] = async (place, call) => await snapshots.chunk(length, place, call)
    const order = { head: taken.value, encoded: encodeSnapshotHead(taken.value), chunk, kept: this.#keptBefore(length) }
    const pruned = await log.prune(order, options)
    return pruned.ok ? taken : pruned
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
    await this.#last
  }

  /** Entries of key chains before an index, in ascending order. */
  #keptBefore(length: LedgerIndex): readonly LedgerIndex[] {
    const chains = [...this.#context.replica.snapshot().keyChains.values()]
    return chains.flatMap(({ indexes }) => indexes.filter((index) => index < length)).toSorted((a, b) => a - b)
  }

  async #run(): Promise<void> {
    const { clock, replica } = this.#context
    const { signal } = this.#stop
    try {
      for await (const _ledger of replica.changes({ signal })) {
        if (!this.#isDue()) continue
        const taken = await this.take({ signal })
        this.#refusal = taken.ok ? undefined : taken
        if (!taken.ok) await clock.sleep(RETRY_MS, { signal })
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  #isDue(): boolean {
    const { keystore, replica } = this.#context
    const { length } = replica.head
    if (length < (this.#newest?.length ?? 0) + this.#every && (this.#newest === undefined || this.#isSignedNow(this.#newest))) return false
    return keystore.state() === "unlocked"
  }

  #isSignedNow({ author }: SnapshotHead): boolean {
    return equalBytes(author.key, this.#context.keystore.identity().keys.signingKey)
  }

  async #takeNow(options: CallOptions): Promise<Result<TakenSnapshot>> {
    const { keystore, primitives, replica } = this.#context
    const snapshot = replica.snapshot()
    const { hash, length } = snapshot.head
    if (length === 0) return refuse("LEDGER_EMPTY", "the ledger has no entries yet; nothing to take a snapshot of")
    if (this.#newest?.length === length && this.#isSignedNow(this.#newest)) return ok(this.#newest)
    let [digest, chunks] = [emptyDigest(), 0]
    for (const chunk of encodeSnapshot(snapshot)) {
      if (chunks >= MAX_SNAPSHOT_CHUNKS)
        return refuse(
          "SNAPSHOT_TOO_LARGE",
          `what the ledger says takes more than ${MAX_SNAPSHOT_CHUNKS} chunks; it is read whole at each start`,
        )
      const put = await this.#context.snapshots.putChunk(length, chunks, chunk, options)
      if (!put.ok) return put
      digest = nextDigest(primitives, digest, chunk)
      chunks++
      // Whatever else the node does goes on between two chunks.
      await this.#context.clock.sleep(0, options)
    }
    const { cluster, keys, path } = keystore.identity()
    const unsigned = { length, hash, chunks, digest, author: { cluster, path, key: keys.signingKey } }
    const signature = await keystore.sign("message", snapshotHeadSignBytes(unsigned), options)
    if (!signature.ok) return signature
    const head = { ...unsigned, signature: signature.value }
    const put = await this.#context.snapshots.putHead(length, encodeSnapshotHead(head), options)
    if (!put.ok) return put
    this.#newest = head
    return ok(head)
  }
}
