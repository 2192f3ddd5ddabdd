import type { MessageInitShape } from "@bufbuild/protobuf"
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  Event_EventType,
  type CompareSchema,
  type Event,
  type KeyValue,
  type RequestOpSchema,
  type ResponseOp,
  type StatusResponse,
  type TxnRequestSchema,
  type TxnResponse,
  type WatchRequestSchema,
  type WatchResponse,
} from "./etcd_pb.ts"

// What a ledger asks of etcd and is told, to and from the messages of etcd.proto.

/** What a transaction compares before it writes. */
export type EtcdCondition =
  /** The key has this value. */
  | { readonly kind: "value"; readonly key: Uint8Array; readonly value: Uint8Array }
  /** There is no such key; with `end`, none from `key` on before `end`. */
  | { readonly kind: "absent"; readonly key: Uint8Array; readonly end?: Uint8Array }

export interface EtcdRange {
  readonly key: Uint8Array
  /** One key when missing, else all from `key` on before `end`, in their order. */
  readonly end?: Uint8Array
  readonly limit?: number
}

export type EtcdOperation =
  | ({ readonly kind: "range" } & EtcdRange)
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  /** One key when `end` is missing, else all from `key` on before `end`. */
  | { readonly kind: "delete"; readonly key: Uint8Array; readonly end?: Uint8Array }

export interface EtcdTransaction {
  readonly conditions: readonly EtcdCondition[]
  /** Done when all conditions hold. */
  readonly operations: readonly EtcdOperation[]
  /** Done when not. */
  readonly otherwise: readonly EtcdOperation[]
}

export interface EtcdTransactionAnswer {
  /** Of the store. */
  readonly revision: number
  readonly succeeded: boolean
  /** What each operation found; nothing for a put. */
  readonly found: readonly (readonly KeyValue[])[]
}

/** An event of a watch, or what became of the watch. */
export interface EtcdWatchAnswer {
  readonly created: boolean
  readonly canceled: boolean
  /** Values of the key, and the revisions of the store in which they were written; a deleted key has none. */
  readonly changes: readonly { readonly revision: number; readonly value?: Uint8Array }[]
}

/** State of one member. */
export interface EtcdStatus {
  /** Ids in hex. */
  readonly member: string
  readonly leader: string
  readonly version: string
  readonly raftTerm: number
  readonly raftIndex: number
  readonly databaseBytes: number
  readonly alarms: readonly string[]
}

/** A transaction as etcd is asked for it. */
export function writeTransaction({ conditions, operations, otherwise }: EtcdTransaction): MessageInitShape<typeof TxnRequestSchema> {
  return { compare: conditions.map(writeCondition), success: operations.map(writeOperation), failure: otherwise.map(writeOperation) }
}

/** What became of it; `undefined` when the answer does not say in which revision. */
export function readTransactionAnswer({ header, responses, succeeded }: TxnResponse): EtcdTransactionAnswer | undefined {
  return header === undefined ? undefined : { revision: numberOf(header.revision), succeeded, found: responses.map(foundBy) }
}

/** A watch of one key from a revision on. */
export function writeWatch(key: Uint8Array, revision: number): MessageInitShape<typeof WatchRequestSchema> {
  return { requestUnion: { case: "createRequest", value: { key, startRevision: BigInt(revision) } } }
}

/** What a watch says; `undefined` when it is of an event without its key. */
export function readWatchAnswer({ canceled, created, events }: WatchResponse): EtcdWatchAnswer | undefined {
  const changes = events.map(changeOf).filter((each) => each !== undefined)
  return changes.length === events.length ? { created, canceled, changes } : undefined
}

/** How a member is; `undefined` when the answer does not say which one it is. */
export function readStatus({ dbSize, errors, header, leader, raftIndex, raftTerm, version }: StatusResponse): EtcdStatus | undefined {
  if (header === undefined) return undefined
  return {
    member: header.memberId.toString(16),
    leader: leader.toString(16),
    version: version.slice(0, 32),
    raftTerm: numberOf(raftTerm),
    raftIndex: numberOf(raftIndex),
    databaseBytes: numberOf(dbSize),
    alarms: errors.slice(0, 8).map((each) => each.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, "?")),
  }
}

function writeCondition(condition: EtcdCondition): MessageInitShape<typeof CompareSchema> {
  const { key } = condition
  const result = Compare_CompareResult.EQUAL
  if (condition.kind === "value")
    return { result, target: Compare_CompareTarget.VALUE, key, targetUnion: { case: "value", value: condition.value } }
  const end = condition.end === undefined ? {} : { rangeEnd: condition.end }
  // The revision of creation that a key has which is not there.
  return { result, target: Compare_CompareTarget.CREATE, key, targetUnion: { case: "createRevision", value: 0n }, ...end }
}

function writeOperation(operation: EtcdOperation): MessageInitShape<typeof RequestOpSchema> {
  const { key } = operation
  if (operation.kind === "put") return { request: { case: "requestPut", value: { key, value: operation.value } } }
  const end = operation.end === undefined ? {} : { rangeEnd: operation.end }
  if (operation.kind === "delete") return { request: { case: "requestDeleteRange", value: { key, ...end } } }
  return { request: { case: "requestRange", value: { key, limit: BigInt(operation.limit ?? 0), ...end } } }
}

function foundBy({ response }: ResponseOp): readonly KeyValue[] {
  return response.case === "responseRange" ? response.value.kvs : []
}

function changeOf({ kv, type }: Event): EtcdWatchAnswer["changes"][number] | undefined {
  if (kv === undefined) return undefined
  const revision = numberOf(kv.modRevision)
  return type === Event_EventType.DELETE ? { revision } : { revision, value: kv.value }
}

/** 0 for what is no safe integer. */
function numberOf(value: bigint): number {
  return value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : 0
}
