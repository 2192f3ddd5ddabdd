import { ok, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { LedgerSnapshot } from "@keygrove/ledger"
import { openSnapshot, type CallOptions, type KnownSnapshots, type LedgerSnapshots, type NodeIdentity } from "@keygrove/service"
import type { EmbeddedLedgerEngine } from "@keygrove/sqlite"

/** The snapshots of a node's ledger, and the one that it may go on from. */
export interface FoundSnapshot {
  readonly store: LedgerSnapshots
  readonly known: KnownSnapshots
  readonly from?: LedgerSnapshot
}

/** The node whose signature a snapshot must have. */
export interface SnapshotReader extends Pick<NodeIdentity, "cluster" | "path"> {
  readonly keys: Pick<NodeIdentity["keys"], "signingKey">
}

/** Finds the snapshot that a node's ledger is gone on from. One that is refused is named, and what came before it is read instead. */
export async function findSnapshot(
  file: EmbeddedLedgerEngine,
  { cluster, keys, path }: SnapshotReader,
  log: (line: string) => void,
  call: CallOptions,
): Promise<Result<FoundSnapshot>> {
  const reader = { cluster, path, signingKey: keys.signingKey }
  const store = file.snapshots
  const opened = await openSnapshot({ primitives: nativePrimitives, file, snapshots: store, reader }, call)
  if (!opened.ok) return opened
  const prunedTo = await store.prunedTo(call)
  if (!prunedTo.ok) return prunedTo
  const { from, head, refused } = opened.value
  for (const { code, message } of refused) log(`a snapshot of the ledger is not used: ${code}: ${message}`)
  const known = { prunedTo: prunedTo.value, ...(head === undefined ? {} : { newest: head }) }
  return ok({ store, known, ...(from === undefined ? {} : { from }) })
}
