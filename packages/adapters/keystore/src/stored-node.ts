import type { DatabaseSync } from "node:sqlite"
import { ok, refuse, type Result, type Secret } from "@keygrove/base"
import type { NodePlace } from "@keygrove/hierarchy"
import type { SourceOptions } from "./inherited-source.ts"
import { decodeNodeRecord, type NodeRecord } from "./node-record.ts"
import type { Predecessor } from "./node-secrets.ts"
import { SealedRecords, type RecordTools } from "./sealed-records.ts"
import { readUnlockSecret, type SecretSource } from "./secret-source.ts"

/** The node of a store, and those that it was, opened. Disposal wipes all their secrets. */
export interface StoredNode extends Disposable {
  readonly record: NodeRecord
  readonly nodeSecret: Secret
  /** Newest first. */
  readonly predecessors: readonly Predecessor[]
}

/** Opens what a store has of its node. The records are borrowed, the result belongs to the caller. */
export function openStoredNode(records: SealedRecords): Result<StoredNode> {
  using opened = new DisposableStack()
  const read = (id: string): Result<{ readonly record: NodeRecord; readonly nodeSecret: Secret }> => {
    const sealed = records.get(id)
    if (!sealed.ok) return sealed
    const nodeSecret = opened.use(sealed.value.secret)
    const record = decodeNodeRecord(sealed.value.record.open)
    return record.ok ? ok({ record: record.value, nodeSecret }) : record
  }
  const node = read("node")
  if (!node.ok) return node
  const predecessors: Predecessor[] = []
  for (let number = node.value.record.predecessors ?? 0; number > 0; number--) {
    const older = read(predecessorId(number))
    if (!older.ok) return older.code === "KEYSTORE_EMPTY" ? missing(number) : older
    predecessors.push({ place: placeOf(older.value.record), nodeSecret: older.value.nodeSecret })
  }
  const owned = opened.move()
  return ok({ ...node.value, predecessors, [Symbol.dispose]: () => owned.dispose() })
}

/** A store that a ceremony has opened, and its node. Disposal wipes the secrets of both. */
export interface OpenedStore extends Disposable {
  readonly records: SealedRecords
  readonly node: StoredNode
}

/** Opens a store with the secret of whoever holds the ceremony, which is wiped before this returns. The database is borrowed. */
export async function openStore(
  database: DatabaseSync,
  tools: RecordTools,
  source: SecretSource,
  options: SourceOptions,
): Promise<Result<OpenedStore>> {
  const unlock = await readUnlockSecret(source, options)
  if (!unlock.ok) return unlock
  using unlockSecret = unlock.value.secret
  using opening = new DisposableStack()
  const records = SealedRecords.open(database, tools, { method: unlock.value.method, secret: unlockSecret })
  if (!records.ok) return records
  opening.use(records.value)
  const node = openStoredNode(records.value)
  if (!node.ok) return node
  opening.use(node.value)
  const owned = opening.move()
  return ok({ records: records.value, node: node.value, [Symbol.dispose]: () => owned.dispose() })
}

/** Id of the record of a predecessor, counted from 1, the oldest. */
export function predecessorId(number: number): string {
  return `predecessor-${number}`
}

/** Where the node of a record stands, and nothing else of it. */
export function placeOf({ cluster, epoch, generation, path }: NodePlace): NodePlace {
  return { cluster, path, generation, epoch }
}

function missing(number: number): Result<never, "KEYSTORE_RECORD_CORRUPT"> {
  return refuse(
    "KEYSTORE_RECORD_CORRUPT",
    `the record of what the node was before, ${number}, is missing; restore the home directory from a backup`,
  )
}
