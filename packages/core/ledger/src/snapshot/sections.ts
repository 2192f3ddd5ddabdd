import { brandShape, bytesShape, bytesWithinShape, integerShape, type Shape } from "@keygrove/base"
import {
  compressedPointShape,
  decodeClusterBytes,
  decodeEpoch,
  decodeGeneration,
  decodeNodePath,
  MAX_COUNTER,
  type ClusterId,
  type Epoch,
  type Generation,
  type NodePath,
  type RevocationReason,
} from "@keygrove/hierarchy"
import * as v from "valibot"
import { decodeLedgerIndex, type LedgerIndex } from "../head.ts"
import { MAX_ENTRY_BYTES } from "../limits.ts"
import { CUSTODY_RECORD_BYTES } from "./custody-records.ts"

type Bytes = Uint8Array
/** Epoch, signing key, encryption key, sealing key, delegation key. */
type Keys = readonly [Epoch, Bytes, Bytes, Bytes, Bytes]

/** Fields of the records of each section, in order. What follows from others is left out: which policies stand, how many clusters are trusted, which policies continue one. */
export interface SectionRecords {
  /** Cluster, announced at, and the statement by which its root stepped down with its position. */
  readonly clusters: readonly [ClusterId, LedgerIndex, readonly [Bytes, LedgerIndex] | null]
  /** Cluster, path, generation, anchor, certified at, keys, digest of the last rekey, ordered epoch, terms. */
  readonly nodes: readonly [ClusterId, NodePath, Generation, Bytes, LedgerIndex, Keys | null, Bytes, Epoch | null, Bytes | null]
  /** Cluster, path, generation, reason, removed at. */
  readonly removed: readonly [ClusterId, NodePath, Generation, RevocationReason | "replaced", LedgerIndex]
  /** Cluster, the other one, the statement of trust, who said so, where, removed at. */
  readonly trusted: readonly [ClusterId, ClusterId, Bytes, NodePath, LedgerIndex, LedgerIndex | null]
  /** Id, statement of the grant, the owner's cluster, path and signing key, granted at, revoked at. */
  readonly policies: readonly [Bytes, Bytes, ClusterId, NodePath, Bytes, LedgerIndex, LedgerIndex | null]
  /** Signing key, whose it is or was, its epoch, since when, and the anchor of that generation. */
  readonly signingKeys: readonly [Bytes, ClusterId, NodePath, Epoch, LedgerIndex, Bytes]
  /** Anchor, whose it is or was, and the last signing key that its generation named. */
  readonly anchorKeys: readonly [Bytes, ClusterId, NodePath, Bytes | null]
  /** Boot key, and whose it is or was. */
  readonly bootKeys: readonly [Bytes, ClusterId, NodePath]
  /** Cluster, number of this record among those of the cluster, and that part of its custody in bytes. */
  readonly custody: readonly [ClusterId, number, Bytes]
  /** Cluster, number of this record among those of the cluster, hash of the whole chain, and how far each entry stands behind the one before it. */
  readonly keyChains: readonly [ClusterId, number, Bytes, readonly number[]]
}

export type SectionName = keyof SectionRecords

/** The sections of a snapshot in their order. */
export const SECTIONS: readonly SectionName[] = [
  "clusters",
  "nodes",
  "removed",
  "trusted",
  "policies",
  "signingKeys",
  "anchorKeys",
  "bootKeys",
  "custody",
  "keyChains",
]

/** Entries of one key chain that one record places. */
export const KEY_CHAIN_RECORD_ENTRIES = 1024

const cluster = brandShape(decodeClusterBytes)
const path = brandShape(decodeNodePath)
const epoch = brandShape(decodeEpoch)
const generation = brandShape(decodeGeneration)
const index = brandShape(decodeLedgerIndex)
const key = bytesShape(32)
const statement = bytesWithinShape(1, MAX_ENTRY_BYTES)
const point = compressedPointShape()
const count = integerShape(0, MAX_COUNTER)

/** What each section's records have to be. */
export const recordShapes: { readonly [Name in SectionName]: Shape<SectionRecords[Name]> } = {
  clusters: v.strictTuple([cluster, index, v.nullable(v.strictTuple([statement, index]))]),
  nodes: v.strictTuple([
    cluster,
    path,
    generation,
    key,
    index,
    v.nullable(v.strictTuple([epoch, key, point, key, point])),
    key,
    v.nullable(epoch),
    v.nullable(statement),
  ]),
  removed: v.strictTuple([cluster, path, generation, v.picklist(["compromised", "retired", "replaced"]), index]),
  trusted: v.strictTuple([cluster, cluster, statement, path, index, v.nullable(index)]),
  policies: v.strictTuple([key, statement, cluster, path, key, index, v.nullable(index)]),
  signingKeys: v.strictTuple([key, cluster, path, epoch, index, key]),
  anchorKeys: v.strictTuple([key, cluster, path, v.nullable(key)]),
  bootKeys: v.strictTuple([key, cluster, path]),
  custody: v.strictTuple([cluster, count, bytesWithinShape(1, CUSTODY_RECORD_BYTES)]),
  keyChains: v.strictTuple([cluster, count, key, v.pipe(v.array(count), v.minLength(1), v.maxLength(KEY_CHAIN_RECORD_ENTRIES))]),
}
