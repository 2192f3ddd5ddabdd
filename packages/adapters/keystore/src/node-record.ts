import type { DatabaseSync } from "node:sqlite"
import {
  brandShape,
  bytesShape,
  bytesWithinShape,
  checkShape,
  decodeCanonical,
  integerShape,
  refuse,
  type CborValue,
  type Result,
  type Shape,
} from "@keygrove/base"
import { clusterBytes, decodeClusterBytes, decodeEpoch, decodeGeneration, decodeNodePath, type NodePlace } from "@keygrove/hierarchy"
import * as v from "valibot"
import { TOKEN_NAMESPACE_BYTES } from "./token-namespace.ts"

/** Predecessors that a keystore has at most. */
export const MAX_PREDECESSORS = 16

/** Where an audit trail ended when its node moved: what authenticates it changed with the vault, in another file. */
export interface MovedTrail {
  /** Events. */
  readonly length: number
  /** SHA-256 of the last of them, 32 bytes. */
  readonly hash: Uint8Array
}

/** Public part of a node's sealed record: the highest epoch that was prepared. */
export interface NodeRecord extends NodePlace {
  /** Encoded ledger entry of the statement with which the node enters that epoch, when a ceremony of this store prepared it. Whether the ledger has it is not known here. */
  readonly entry?: Uint8Array
  /** How many predecessors the store has, so that none goes missing; absent when there is none. */
  readonly predecessors?: number
  /** Of the last move, when there was a trail. */
  readonly trail?: MovedTrail
  /** By which objects in a token are named that the oldest predecessor made, 8 bytes; absent when the node never moved. */
  readonly tokenNamespace?: Uint8Array
}

const shape: Shape<NodeRecord> = v.strictObject({
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  generation: brandShape(decodeGeneration),
  epoch: brandShape(decodeEpoch),
  entry: v.exactOptional(bytesWithinShape(1, 2_048)),
  predecessors: v.exactOptional(integerShape(1, MAX_PREDECESSORS)),
  trail: v.exactOptional(v.strictObject({ length: integerShape(1, Number.MAX_SAFE_INTEGER), hash: bytesShape(32) })),
  tokenNamespace: v.exactOptional(bytesShape(TOKEN_NAMESPACE_BYTES)),
})

/** Longest public part of a record. */
export const MAX_OPEN_BYTES: number = 4_096

/** The record as it is stored. */
export function nodeRecordValue({ cluster, entry, epoch, generation, path, predecessors, tokenNamespace, trail }: NodeRecord): CborValue {
  return {
    cluster: clusterBytes(cluster),
    path,
    generation,
    epoch,
    ...(entry === undefined ? {} : { entry }),
    ...(predecessors === undefined ? {} : { predecessors }),
    ...(trail === undefined ? {} : { trail: { ...trail } }),
    ...(tokenNamespace === undefined ? {} : { tokenNamespace }),
  }
}

/** Checks the public part of a node's sealed record. */
export function decodeNodeRecord(open: CborValue): Result<NodeRecord, "KEYSTORE_RECORD_CORRUPT"> {
  return checkShape(open, { shape, code: "KEYSTORE_RECORD_CORRUPT", noun: "sealed record of the node" })
}

/** Whose keystore a database says that it is. A claim, which nothing authenticates while the record is sealed. */
export function claimedRecord(database: DatabaseSync): Result<NodeRecord, "KEYSTORE_EMPTY" | "KEYSTORE_RECORD_CORRUPT"> {
  const open = database.prepare("SELECT open FROM record WHERE id = 'node'").get()?.["open"]
  if (!(open instanceof Uint8Array)) return refuse("KEYSTORE_EMPTY", "the keystore holds no node; is it the right file?")
  const value = decodeCanonical(open, MAX_OPEN_BYTES)
  return decodeNodeRecord(value.ok ? value.value : null)
}
