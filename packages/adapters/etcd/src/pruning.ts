import { concatBytes, equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { emptyDigest, emptyHead, nextDigest, nextHead, type LedgerHead, type LedgerIndex } from "@keygrove/ledger"
import type { CallOptions, PruneOrder, PruneRefusal } from "@keygrove/service"
import { blockOf, headOf, type EntryReader, type PrunedMark } from "./entry-reader.ts"
import { BLOCK_ENTRIES, decodeMoved, encodeHead, encodePruned, type EtcdLogKeys, type KeyRange } from "./log-format.ts"
import type { EtcdCondition, EtcdOperation } from "./messages.ts"
import type { Transact } from "./transact.ts"

export interface EtcdPruningOptions {
  readonly primitives: Pick<Primitives, "sha256">
  readonly keys: EtcdLogKeys
  readonly reader: EntryReader
  readonly transact: Transact
}

/** Times that another may be found to have changed what is about to be changed. */
const MAX_TRIES = 16

/** What says how far a log was pruned. */
interface Pruned {
  readonly mark: PrunedMark | undefined
  /** Up to where entries are dropped, as far as that was written. */
  readonly dropped: LedgerHead
  readonly moved: Uint8Array | undefined
}

/**
 * Drops from etcd what a snapshot says (docs/decisions/snapshots.md, "From etcd"). First the snapshot's parts are put there and read back, then, in one transaction, the log is said to be pruned at it; from
 * then on who finds an entry missing starts from the snapshot. Then block after block goes, each in one transaction that leaves how its entries chain and says how far all this is. What is compared each time
 * keeps two who prune at once from undoing each other's work.
 */
export class EtcdPruning {
  readonly #primitives: Pick<Primitives, "sha256">
  readonly #keys: EtcdLogKeys
  readonly #reader: EntryReader
  readonly #transact: Transact

  constructor({ keys, primitives, reader, transact }: EtcdPruningOptions) {
    this.#primitives = primitives
    this.#keys = keys
    this.#reader = reader
    this.#transact = transact
  }

  /** As `PrunableLog.prunedTo`. */
  async prunedTo({ signal }: CallOptions): Promise<Result<LedgerIndex, "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT">> {
    const pruned = await this.#read(signal)
    return pruned.ok ? ok(pruned.value.mark?.head.length ?? emptyHead().length) : pruned
  }

  /** As `PrunableLog.prune`. */
  async prune(order: PruneOrder, { signal }: CallOptions): Promise<Result<true, PruneRefusal>> {
    const { length } = order.head
    const pruned = await this.#read(signal)
    if (!pruned.ok) return pruned
    const { mark, moved } = pruned.value
    if (moved !== undefined) return movedTo(moved)
    const before = mark?.head.length ?? 0
    if (before > length)
      return refuse("LEDGER_HEAD_MOVED", `etcd was pruned at entry ${before} already, after this snapshot at ${length}; try again`)
    const said = mark !== undefined && before === length ? ok(mark) : await this.#publish(order, mark, signal)
    if (!said.ok) return said
    const dropped = await this.#drop(said.value, order.kept, signal)
    return dropped.ok ? await this.#clean(said.value, signal) : dropped
  }

  async #read(signal: AbortSignal): Promise<Result<Pruned, "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT">> {
    const operations = [this.#keys.pruned, this.#keys.dropped, this.#keys.moved].map((key) => ({ kind: "range", key }) as const)
    const answer = await this.#transact({ conditions: [], operations, otherwise: [] }, signal)
    if (!answer.ok) return answer
    const [marks, drops, moves] = answer.value.found
    const mark = this.#reader.markOf(marks?.[0]?.value)
    if (!mark.ok) return mark
    const dropped = headOf(drops?.[0]?.value)
    return dropped.ok ? ok({ mark: mark.value, dropped: dropped.value, moved: moves?.[0]?.value }) : dropped
  }

  /** Puts a snapshot where everybody finds it and says that the log is pruned at it, if that is still said of `before`. */
  async #publish(order: PruneOrder, before: PrunedMark | undefined, signal: AbortSignal): Promise<Result<PrunedMark, PruneRefusal>> {
    const { encoded, head } = order
    const standing = await this.#hashAfter(head.length, signal)
    if (!standing.ok) return standing
    if (!equalBytes(standing.value, head.hash))
      return refuse(
        "LEDGER_CORRUPT",
        `the ledger in etcd stands otherwise after ${head.length} entries than this node's; nothing was dropped`,
      )
    const value = encodePruned(encoded)
    const { moved, pruned, pruning } = this.#keys
    const unchanged: readonly EtcdCondition[] = [
      before === undefined ? { kind: "absent", key: pruned } : { kind: "value", key: pruned, value: before.value },
      { kind: "absent", key: moved },
    ]
    const stale = this.#keys.partsBut(head, ...(before === undefined ? [] : [before.head]))
    const claim: EtcdOperation = { kind: "put", key: pruning, value }
    const begun = await this.#transact({ conditions: unchanged, operations: [claim, ...stale.map(deletion)], otherwise: [] }, signal)
    if (!begun.ok) return begun
    if (!begun.value.succeeded) return busy()
    const claimed: EtcdCondition = { kind: "value", key: pruning, value }
    const put = await this.#putParts(order, claimed, signal)
    if (!put.ok) return put
    const conditions = [...unchanged, claimed]
    const operations: readonly EtcdOperation[] = [
      { kind: "put", key: pruned, value },
      { kind: "delete", key: pruning },
    ]
    const said = await this.#transact({ conditions, operations, otherwise: [{ kind: "range", key: pruned }] }, signal)
    if (!said.ok) return said
    const mark = this.#reader.markOf(said.value.succeeded ? value : said.value.found[0]?.[0]?.value)
    if (!mark.ok) return mark
    // Not changed by this transaction, but by an earlier try of it, or by another node with the same snapshot.
    return mark.value !== undefined && equalBytes(mark.value.value, value) ? ok(mark.value) : busy()
  }

  /** Puts all parts there and reads them back: once entries are gone, what they said can only be had from these. */
  async #putParts({ chunk, head }: PruneOrder, claimed: EtcdCondition, signal: AbortSignal): Promise<Result<true, PruneRefusal>> {
    for (let place = 0; place < head.chunks; place++) {
      const bytes = await chunk(place, { signal })
      if (!bytes.ok) return bytes
      const operations = [{ kind: "put", key: this.#keys.part(head, place), value: bytes.value }] as const
      const put = await this.#transact({ conditions: [claimed], operations, otherwise: [] }, signal)
      if (!put.ok) return put
      if (!put.value.succeeded) return busy()
    }
    let digest = emptyDigest()
    for (let place = 0; place < head.chunks; place++) {
      const part = await this.#reader.part(head, place, signal)
      if (!part.ok) return part.code === "LEDGER_PRUNED" ? busy() : refuse(part.code, part.message)
      digest = nextDigest(this.#primitives, digest, part.value)
    }
    if (equalBytes(digest, head.digest)) return ok(true)
    return refuse("SNAPSHOT_INVALID", `the snapshot at entry ${head.length} is not what was signed, as etcd has it; nothing was dropped`)
  }
  /** Drops block after block, from where this was cut off, until the log has nothing before the mark but what is kept. */
  async #drop(mark: PrunedMark, kept: readonly LedgerIndex[], signal: AbortSignal): Promise<Result<true, PruneRefusal>> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const known = await this.#read(signal)
      if (!known.ok) return known
      if (known.value.mark === undefined || !equalBytes(known.value.mark.value, mark.value)) return busy()
      let at: LedgerHead | undefined = known.value.dropped
      while (at !== undefined && at.length < mark.head.length) {
        const next: Result<LedgerHead | undefined, PruneRefusal> = await this.#dropBlock(mark, at, kept, signal)
        if (!next.ok) return next
        if (next.value !== undefined) tries = 0
        at = next.value
      }
      if (at !== undefined) return ok(true)
    }
    return busy()
  }

  /** Drops to the end of a block; resolves with the head there, or with `undefined` when somebody else has. */
  async #dropBlock(
    mark: PrunedMark,
    at: LedgerHead,
    kept: readonly LedgerIndex[],
    signal: AbortSignal,
  ): Promise<Result<LedgerHead | undefined, PruneRefusal>> {
    const block = blockOf(at.length)
    const end = Math.min(mark.head.length, (block + 1) * BLOCK_ENTRIES)
    const heads = await this.#headsTo(end, at, signal)
    if (!heads.ok) return heads.code === "LEDGER_PRUNED" ? ok(undefined) : refuse(heads.code, heads.message)
    const last = heads.value.at(-1) ?? at
    if (end === mark.head.length && !equalBytes(last.hash, mark.head.hash))
      return refuse("LEDGER_CORRUPT", `the entries in etcd do not lead to the snapshot at ${end}; no more of them are dropped`)
    const before = await this.#hashesBefore(at, signal)
    if (!before.ok) return before
    const answer = await this.#transact(
      {
        conditions: [
          { kind: "value", key: this.#keys.pruned, value: mark.value },
          at.length === 0 ? { kind: "absent", key: this.#keys.dropped } : { kind: "value", key: this.#keys.dropped, value: encodeHead(at) },
        ],
        operations: [
          { kind: "put", key: this.#keys.heads(block), value: concatBytes(before.value, ...heads.value.map(({ hash }) => hash)) },
          { kind: "put", key: this.#keys.dropped, value: encodeHead(last) },
          ...this.#gaps(at.length, end, kept),
        ],
        otherwise: [],
      },
      signal,
    )
    if (!answer.ok) return answer
    return ok(answer.value.succeeded ? last : undefined)
  }

  /** The heads after the entries from one head on, as the entries themselves say. */
  async #headsTo(
    end: number,
    at: LedgerHead,
    signal: AbortSignal,
  ): Promise<Result<readonly LedgerHead[], "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT" | "LEDGER_PRUNED">> {
    const heads: LedgerHead[] = []
    for (let last = at; last.length < end; last = heads.at(-1) ?? last) {
      const slice = await this.#reader.read(last.length, end - last.length, signal)
      if (!slice.ok) return slice
      if (!equalBytes(slice.value.before, last.hash) || slice.value.entries.length === 0)
        return refuse("LEDGER_CORRUPT", `the entries in etcd do not chain at ${last.length}; no more of them are dropped`)
      for (const entry of slice.value.entries) heads.push(nextHead(this.#primitives, heads.at(-1) ?? last, entry))
    }
    return ok(heads)
  }

  /** What the block of a head has already, where an earlier snapshot ended in the middle of it. */
  async #hashesBefore({ length }: LedgerHead, signal: AbortSignal): Promise<Result<Uint8Array, PruneRefusal>> {
    const bytes = (length % BLOCK_ENTRIES) * emptyHead().hash.length
    if (bytes === 0) return ok(new Uint8Array(0))
    const operations = [{ kind: "range", key: this.#keys.heads(blockOf(length)) }] as const
    const answer = await this.#transact({ conditions: [], operations, otherwise: [] }, signal)
    if (!answer.ok) return answer
    const value = answer.value.found[0]?.[0]?.value
    return value !== undefined && value.length >= bytes
      ? ok(value.slice(0, bytes))
      : refuse("LEDGER_CORRUPT", `etcd does not say how the ledger stood before entry ${length}; no more is dropped`)
  }

  /** Deletes all entries from one index on before another, but those that are kept. */
  #gaps(from: number, end: number, kept: readonly LedgerIndex[]): readonly EtcdOperation[] {
    const bounds = [...kept.filter((index) => index >= from && index < end), end]
    let next = from
    return bounds.flatMap((bound) => {
      const gap = { key: this.#keys.entry(next), end: this.#keys.entry(bound) }
      const isEmpty = next === bound
      next = bound + 1
      return isEmpty ? [] : [deletion(gap)]
    })
  }

  /** Deletes what is left of other snapshots, unless another node is about to write one: its next try does it. */
  async #clean({ head, value }: PrunedMark, signal: AbortSignal): Promise<Result<true, PruneRefusal>> {
    const conditions: readonly EtcdCondition[] = [
      { kind: "value", key: this.#keys.pruned, value },
      { kind: "absent", key: this.#keys.pruning },
    ]
    const answer = await this.#transact({ conditions, operations: this.#keys.partsBut(head).map(deletion), otherwise: [] }, signal)
    return answer.ok ? ok(true) : answer
  }

  /** The hash of the head after `length` entries. */
  async #hashAfter(length: LedgerIndex, signal: AbortSignal): Promise<Result<Uint8Array, "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT">> {
    const slice = await this.#reader.read(length, 1, signal)
    if (slice.ok) return ok(slice.value.before)
    return refuse(slice.code === "LEDGER_UNREACHABLE" ? slice.code : "LEDGER_CORRUPT", slice.message)
  }
}

function deletion(range: KeyRange): EtcdOperation {
  return { kind: "delete", ...range }
}

function busy(): Refusal<"LEDGER_BUSY"> {
  return refuse("LEDGER_BUSY", "another node prunes the ledger in etcd at the same time; try again when it is done")
}

function movedTo(value: Uint8Array): Refusal<"LEDGER_MOVED" | "LEDGER_CORRUPT"> {
  const target = decodeMoved(value)
  if (!target.ok) return target
  return refuse("LEDGER_MOVED", `the ledger was moved and goes on at ${target.value}; it is not pruned in etcd any more`, {
    target: target.value,
  })
}
