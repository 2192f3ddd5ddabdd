import { Code } from "@connectrpc/connect"
import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { checkBatch, isSameHead, type BatchHeads, type LedgerHead, type LedgerIndex } from "@keygrove/ledger"
import type {
  AppendOptions,
  AppendRefusal,
  CallOptions,
  LedgerSlice,
  LedgerSource,
  OfferedSnapshot,
  PrunableLog,
  PruneOrder,
  PruneRefusal,
  SealableLog,
  SealRefusal,
  SnapshotName,
  SnapshotSource,
  SourceRefusal,
} from "@keygrove/service"
import type { EtcdAccess } from "./access.ts"
import type { EtcdAddress } from "./address.ts"
import { headOf, EntryReader } from "./entry-reader.ts"
import { KV, type TxnResponse } from "./etcd_pb.ts"
import type { GrpcStatus } from "./grpc-connection.ts"
import { HeadWatch, type SeenHead } from "./head-watch.ts"
import { readHealth, type EtcdHealth } from "./health.ts"
import { decodeMoved, decodeStoredEntry, encodeHead, encodeMoved, encodeStoredEntry, EtcdLogKeys } from "./log-format.ts"
import { DEFAULT_DEADLINES, EtcdMembers, type EtcdDeadlines } from "./members.ts"
import {
  readTransactionAnswer,
  writeTransaction,
  type EtcdCondition,
  type EtcdTransaction,
  type EtcdTransactionAnswer,
} from "./messages.ts"
import { EtcdPruning } from "./pruning.ts"
import type { EtcdAnswer, Transact } from "./transact.ts"

export interface EtcdSourceOptions {
  readonly address: EtcdAddress
  readonly access: EtcdAccess
  readonly primitives: Pick<Primitives, "sha256" | "ed25519">
  /** 10 s a call, 3 s a try, when missing. */
  readonly deadlines?: EtcdDeadlines
}

/** How long a wait for news lasts; then the head is asked for, so that a watch that fell silent is found out. */
const WAIT_MS = 25_000

const MAY_BE_WRITTEN = "what was to be appended may have been"

/**
 * A ledger in etcd: a key for each entry and one for the head. A batch is one transaction that compares the head, so that neither another length nor another history of
 * the same length is appended to, and that no entry is where it writes. Whoever holds keys of the prefix can write anything there: what is read is verified by the
 * engine that copies it.
 */
export class EtcdLedgerSource implements SnapshotSource, LedgerSource, SealableLog, PrunableLog {
  readonly title: string = "etcd"
  readonly #primitives: Pick<Primitives, "sha256" | "ed25519">
  readonly #members: EtcdMembers
  readonly #keys: EtcdLogKeys
  readonly #watch: HeadWatch
  readonly #stop = new AbortController()
  readonly #reader: EntryReader
  readonly #pruning: EtcdPruning

  /** Connects with the first call. */
  constructor({ access, address, deadlines = DEFAULT_DEADLINES, primitives }: EtcdSourceOptions) {
    this.#primitives = primitives
    this.#members = new EtcdMembers(address, access, deadlines)
    this.#keys = new EtcdLogKeys(address.prefix)
    const transact: Transact = async (...args) => await this.#transact(...args)
    this.#reader = new EntryReader(primitives, this.#keys, transact)
    this.#pruning = new EtcdPruning({ primitives, keys: this.#keys, reader: this.#reader, transact })
    this.#watch = new HeadWatch({
      members: this.#members,
      key: this.#keys.head,
      read: async (signal) => {
        const seen = await this.#readHead(signal)
        return seen.ok ? seen.value : undefined
      },
      decode: (value) => {
        const head = headOf(value)
        return head.ok ? head.value : undefined
      },
    })
  }

  async head({ signal }: CallOptions): Promise<Result<LedgerHead, SourceRefusal>> {
    const seen = await this.#readHead(signal)
    return seen.ok ? ok(seen.value.head) : seen
  }

  async read(from: LedgerIndex, limit: number, { signal }: CallOptions): Promise<Result<LedgerSlice, SourceRefusal | "LEDGER_PRUNED">> {
    return await this.#reader.read(from, limit, signal)
  }

  /** What a copy of `length` entries may start from when the log was pruned. */
  async snapshot(length: LedgerIndex, { signal }: CallOptions): Promise<Result<OfferedSnapshot, SourceRefusal | "LEDGER_PRUNED">> {
    return await this.#reader.snapshot(length, signal)
  }

  /** A part of that, unchecked. */
  async part(name: SnapshotName, place: number, { signal }: CallOptions): Promise<Result<Uint8Array, SourceRefusal | "LEDGER_PRUNED">> {
    return await this.#reader.part(name, place, signal)
  }

  async prunedTo(options: CallOptions): Promise<Result<LedgerIndex, SourceRefusal>> {
    return await this.#pruning.prunedTo(options)
  }

  async prune(order: PruneOrder, options: CallOptions): Promise<Result<true, PruneRefusal>> {
    return await this.#pruning.prune(order, options)
  }

  async append(
    batch: readonly Uint8Array[],
    expected: LedgerHead,
    { signal, verified }: AppendOptions,
  ): Promise<Result<LedgerHead, AppendRefusal>> {
    signal.throwIfAborted()
    const heads = checkBatch(this.#primitives, expected, batch, verified)
    if (!heads.ok) return heads
    const last = heads.value.at(-1) ?? expected
    this.#watch.expect(last)
    try {
      const answer = await this.#transact(this.#appending(batch, expected, heads.value), signal)
      if (!answer.ok) return answer
      if (!answer.value.succeeded) return this.#judgeConflict(answer.value, expected, last)
      this.#watch.saw({ head: last, revision: answer.value.revision })
      return ok(last)
    } finally {
      this.#watch.unexpect()
    }
  }

  async wait(length: LedgerIndex, { signal }: CallOptions): Promise<Result<LedgerHead, SourceRefusal>> {
    const over = new AbortController()
    const timer = setTimeout(() => over.abort(), WAIT_MS)
    try {
      const head = await this.#watch.wait(length, AbortSignal.any([signal, this.#stop.signal, over.signal]))
      return head === undefined ? await this.head({ signal }) : ok(head)
    } finally {
      clearTimeout(timer)
    }
  }

  async movedTo({ signal }: CallOptions): Promise<Result<string | undefined, SourceRefusal>> {
    const answer = await this.#transact({ conditions: [], operations: [{ kind: "range", key: this.#keys.moved }], otherwise: [] }, signal)
    return answer.ok ? placeOf(answer.value.found[0]?.[0]?.value) : answer
  }

  async seal(target: string, expected: LedgerHead, { signal }: CallOptions): Promise<Result<true, SealRefusal>> {
    const conditions: readonly EtcdCondition[] = [this.#isHead(expected), { kind: "absent", key: this.#keys.moved }]
    const operations = [{ kind: "put", key: this.#keys.moved, value: encodeMoved(target) }] as const
    const answer = await this.#transact({ conditions, operations, otherwise: [{ kind: "range", key: this.#keys.moved }] }, signal)
    if (!answer.ok) return answer
    if (answer.value.succeeded) return ok(true)
    const moved = placeOf(answer.value.found[0]?.[0]?.value)
    if (!moved.ok) return moved
    if (moved.value === target) return ok(true)
    return moved.value === undefined ? refuse("LEDGER_HEAD_MOVED", `the ledger is not at ${expected.length} any more`) : goesOn(moved.value)
  }

  /** How etcd is, member by member. Members that do not answer within 2 s are said not to. */
  async health(options: CallOptions): Promise<EtcdHealth> {
    return await readHealth(this.#members, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#watch[Symbol.asyncDispose]()
    this.#members[Symbol.dispose]()
  }

  #appending(batch: readonly Uint8Array[], expected: LedgerHead, heads: BatchHeads): EtcdTransaction {
    const { length } = expected
    const last = heads.at(-1) ?? expected
    const head = this.#isHead(expected)
    const free: EtcdCondition = { kind: "absent", key: this.#keys.entry(length), end: this.#keys.entriesEnd }
    const entries = batch.map((entry, offset) => {
      const value = encodeStoredEntry(heads[offset]?.hash ?? last.hash, entry)
      return { kind: "put", key: this.#keys.entry(length + offset), value } as const
    })
    return {
      conditions: [head, free, { kind: "absent", key: this.#keys.moved }],
      operations: [...entries, { kind: "put", key: this.#keys.head, value: encodeHead(last) }],
      otherwise: [
        { kind: "range", key: this.#keys.head },
        { kind: "range", key: this.#keys.entry(last.length - 1) },
        { kind: "range", key: this.#keys.moved },
      ],
    }
  }

  #isHead(head: LedgerHead): EtcdCondition {
    const { head: key } = this.#keys
    return head.length === 0 ? { kind: "absent", key } : { kind: "value", key, value: encodeHead(head) }
  }

  /** Why a transaction changed nothing: others were faster, or an earlier try of it had its effect and only the answer was lost. */
  #judgeConflict({ found, wasAmbiguous }: EtcdAnswer, expected: LedgerHead, last: LedgerHead): Result<LedgerHead, AppendRefusal> {
    const [heads = [], entries = [], moves = []] = found
    const now = headOf(heads[0]?.value)
    if (!now.ok) return now
    const there = entries[0] === undefined ? undefined : decodeStoredEntry(entries[0].value)
    // The hash after the last entry says all of them, and all before.
    if (wasAmbiguous && there !== undefined && equalBytes(there.headHash, last.hash)) return ok(last)
    const moved = placeOf(moves[0]?.value)
    if (!moved.ok) return moved
    if (moved.value !== undefined) return goesOn(moved.value)
    if (isSameHead(now.value, expected))
      return refuse(
        "LEDGER_CORRUPT",
        `etcd has entries at or after ${expected.length} that its head does not count; delete or restore them`,
      )
    return refuse("LEDGER_HEAD_MOVED", `the ledger has ${now.value.length} entries, not ${expected.length}, or another history`)
  }

  async #readHead(signal: AbortSignal): Promise<Result<SeenHead, SourceRefusal>> {
    const answer = await this.#transact({ conditions: [], operations: [{ kind: "range", key: this.#keys.head }], otherwise: [] }, signal)
    if (!answer.ok) return answer
    const { found, revision } = answer.value
    const head = headOf(found[0]?.[0]?.value)
    return head.ok ? ok({ head: head.value, revision }) : head
  }

  async #transact(transaction: EtcdTransaction, signal: AbortSignal): Promise<Result<EtcdAnswer, "LEDGER_UNREACHABLE">> {
    signal.throwIfAborted()
    if (this.#stop.signal.aborted) return refuse("LEDGER_UNREACHABLE", "the connection to etcd was closed")
    const read = (response: TxnResponse): EtcdTransactionAnswer | undefined => {
      const answer = readTransactionAnswer(response)
      const asked = answer?.succeeded === true ? transaction.operations : transaction.otherwise
      return answer?.found.length === asked.length ? answer : undefined
    }
    const outcome = await this.#members.call({ method: KV.method.txn, message: writeTransaction(transaction), read, signal })
    if (outcome.kind === "answered") return ok({ ...outcome.value, wasAmbiguous: outcome.wasAmbiguous })
    const why = outcome.kind === "refused" ? explain(outcome) : outcome.message
    const isWrite = transaction.conditions.length > 0
    return refuse("LEDGER_UNREACHABLE", isWrite && outcome.wasAmbiguous ? `${why}; ${MAY_BE_WRITTEN}` : why)
  }
}

function placeOf(value: Uint8Array | undefined): Result<string | undefined, "LEDGER_CORRUPT"> {
  return value === undefined ? ok(undefined) : decodeMoved(value)
}

function goesOn(target: string): Refusal<"LEDGER_MOVED"> {
  return refuse("LEDGER_MOVED", `the ledger was moved and goes on at ${target}; nothing is appended to it in etcd any more`, { target })
}

/** What a person can do where etcd answers that it will not. */
function explain({ message, status }: GrpcStatus): string {
  const said = `etcd refused (${Code[status]}: ${message})`
  if (message.includes("database space exceeded")) return `${said}; compact and defragment it, then disarm its alarm`
  if (status === Code.PermissionDenied) return `${said}; its user needs a role that may read and write all keys of the prefix`
  return said
}
