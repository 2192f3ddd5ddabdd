import { concatBytes, utf8 } from "@keygrove/base"
import { bytesField, integerField, readFields, type WireFields } from "./protobuf.ts"

// Of etcd's rpc.proto and kv.proto (package etcdserverpb, API version 3) what a ledger needs; numbers of fields as there.

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

export interface EtcdTransaction {
  readonly conditions: readonly EtcdCondition[]
  /** Done when all conditions hold. */
  readonly operations: readonly EtcdOperation[]
  /** Done when not. */
  readonly otherwise: readonly EtcdOperation[]
}

export interface EtcdPair {
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** Revision of the store in which it was written last. */
  readonly revision: number
}

export interface EtcdTransactionAnswer {
  /** Of the store. */
  readonly revision: number
  readonly succeeded: boolean
  /** What each operation found; nothing for a put. */
  readonly found: readonly (readonly EtcdPair[])[]
}

/** An event of a watch, or what became of the watch. */
export interface EtcdWatchAnswer {
  readonly created: boolean
  readonly canceled: boolean
  /** When the watch began before this revision, which is the first that was not compacted away; else 0. */
  readonly compactRevision: number
  readonly cancelReason: string
  /** Changes of keys; a deleted one has no value. */
  readonly changes: readonly (Omit<EtcdPair, "value"> & { readonly value?: Uint8Array })[]
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

/** `TxnRequest` */
export function encodeTransaction({ conditions, operations, otherwise }: EtcdTransaction): Uint8Array {
  return concatBytes(
    ...conditions.map((each) => bytesField(1, encodeCondition(each))),
    ...operations.map((each) => bytesField(2, encodeOperation(each))),
    ...otherwise.map((each) => bytesField(3, encodeOperation(each))),
  )
}

/** `TxnResponse` */
export function decodeTransactionAnswer(bytes: Uint8Array): EtcdTransactionAnswer | undefined {
  const fields = readFields(bytes)
  const header = messageIn(fields, 1)
  const responses = fields?.get(3) ?? []
  const found = responses.map((each) => (each instanceof Uint8Array ? foundBy(each) : undefined))
  if (fields === undefined || header === undefined) return undefined
  const known = found.filter((each) => each !== undefined)
  if (known.length !== found.length) return undefined
  return { revision: integerIn(header, 3), succeeded: integerIn(fields, 2) === 1, found: known }
}

/** `WatchRequest` that creates a watch of one key from a revision on. */
export function encodeWatch(key: Uint8Array, revision: number): Uint8Array {
  return bytesField(1, concatBytes(bytesField(1, key), integerField(3, revision)))
}

/** `WatchResponse` */
export function decodeWatchAnswer(bytes: Uint8Array): EtcdWatchAnswer | undefined {
  const fields = readFields(bytes)
  const events = fields?.get(11) ?? []
  const changes = events.map((each) => (each instanceof Uint8Array ? changeOf(each) : undefined))
  const known = changes.filter((each) => each !== undefined)
  if (fields === undefined || known.length !== changes.length) return undefined
  return {
    created: integerIn(fields, 3) === 1,
    canceled: integerIn(fields, 4) === 1,
    compactRevision: integerIn(fields, 5),
    cancelReason: textIn(fields, 6),
    changes: known,
  }
}

/** `AuthenticateRequest`; the password is in the result, which the caller wipes. */
export function encodeAuthentication(user: string, password: Uint8Array): Uint8Array {
  return concatBytes(bytesField(1, utf8(user)), bytesField(2, password))
}

/** The token of `AuthenticateResponse`. */
export function decodeToken(bytes: Uint8Array): string | undefined {
  const token = textIn(readFields(bytes), 2)
  // It goes into a header as it is.
  return /^[\x21-\x7e]{1,4096}$/.test(token) ? token : undefined
}

/** `StatusResponse` */
export function decodeStatus(bytes: Uint8Array): EtcdStatus | undefined {
  const fields = readFields(bytes)
  const header = messageIn(fields, 1)
  if (fields === undefined || header === undefined) return undefined
  return {
    member: idIn(header, 2),
    leader: idIn(fields, 4),
    version: textIn(fields, 2).slice(0, 32),
    raftTerm: integerIn(fields, 6),
    raftIndex: integerIn(fields, 5),
    databaseBytes: integerIn(fields, 3),
    alarms: (fields.get(8) ?? []).slice(0, 8).map((each) => printable(each instanceof Uint8Array ? each : new Uint8Array(0))),
  }
}

/** `Compare`: of its targets CREATE (1) and VALUE (3), of its results EQUAL (0). */
function encodeCondition(condition: EtcdCondition): Uint8Array {
  const key = bytesField(3, condition.key)
  if (condition.kind === "value") return concatBytes(integerField(2, 3), key, bytesField(7, condition.value))
  const end = condition.end === undefined ? [] : [bytesField(64, condition.end)]
  // The revision of creation that a key has which is not there; a member of a oneof is written though it is 0.
  return concatBytes(integerField(2, 1), key, Uint8Array.of(5 * 8, 0), ...end)
}

/** `RequestOp` */
function encodeOperation(operation: EtcdOperation): Uint8Array {
  const key = bytesField(1, operation.key)
  if (operation.kind === "put") return bytesField(2, concatBytes(key, bytesField(2, operation.value)))
  const end = operation.end === undefined ? [] : [bytesField(2, operation.end)]
  return bytesField(1, concatBytes(key, ...end, integerField(3, operation.limit ?? 0)))
}

/** What a `ResponseOp` found. */
function foundBy(bytes: Uint8Array): readonly EtcdPair[] | undefined {
  const fields = readFields(bytes)
  if (fields === undefined) return undefined
  const range = messageIn(fields, 1)
  if (range === undefined) return fields.has(1) ? undefined : []
  const pairs = (range.get(2) ?? []).map((each) => (each instanceof Uint8Array ? pairOf(each) : undefined))
  const known = pairs.filter((each) => each !== undefined)
  return known.length === pairs.length ? known : undefined
}

/** `KeyValue` */
function pairOf(bytes: Uint8Array): EtcdPair | undefined {
  const fields = readFields(bytes)
  return fields === undefined ? undefined : { key: bytesIn(fields, 1), value: bytesIn(fields, 5), revision: integerIn(fields, 3) }
}

/** `Event` */
function changeOf(bytes: Uint8Array): EtcdWatchAnswer["changes"][number] | undefined {
  const fields = readFields(bytes)
  const [pair] = (fields?.get(2) ?? []).map((each) => (each instanceof Uint8Array ? pairOf(each) : undefined))
  if (pair === undefined) return undefined
  const { key, revision, value } = pair
  return integerIn(fields, 1) === 1 ? { key, revision } : { key, revision, value }
}

function messageIn(fields: WireFields | undefined, field: number): WireFields | undefined {
  const value = fields?.get(field)?.at(-1)
  return value instanceof Uint8Array ? readFields(value) : undefined
}

function bytesIn(fields: WireFields, field: number): Uint8Array {
  const value = fields.get(field)?.at(-1)
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}

/** 0 when missing, and for what is no safe integer. */
function integerIn(fields: WireFields | undefined, field: number): number {
  const value = fields?.get(field)?.at(-1)
  return typeof value === "bigint" && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : 0
}

function idIn(fields: WireFields, field: number): string {
  const value = fields.get(field)?.at(-1)
  return typeof value === "bigint" ? value.toString(16) : "0"
}

function textIn(fields: WireFields | undefined, field: number): string {
  return fields === undefined ? "" : new TextDecoder().decode(bytesIn(fields, field))
}

function printable(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, 200)).replaceAll(/[^\x20-\x7e]/g, "?")
}
