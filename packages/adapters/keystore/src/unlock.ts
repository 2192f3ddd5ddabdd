import type { DatabaseSync } from "node:sqlite"
import { ok, unwrap, type Result, type Secret } from "@keygrove/base"
import { decodeEpoch, deriveEpoch, deriveVault, type VaultSecrets } from "@keygrove/hierarchy"
import { decodeEntry } from "@keygrove/ledger"
import type { BootSecretSource } from "./boot-key.ts"
import { KeystoreEngine, type KeystoreTools } from "./engine.ts"
import type { UnlockSecret } from "./key-encryption.ts"
import type { MovedTrail, NodeRecord } from "./node-record.ts"
import { unlockNode, type Predecessor, type UnlockedNode } from "./node-secrets.ts"
import type { PieceMeans } from "./piece-desk.ts"
import { RunKeeper } from "./run-keeper.ts"
import type { VaultFacts } from "./run-record.ts"
import type { OpenedRun } from "./run-secrets.ts"
import { RunStore } from "./run-store.ts"
import { SealedRecords } from "./sealed-records.ts"
import { openStoredNode } from "./stored-node.ts"
import { tokenNamespaceOf } from "./token-namespace.ts"

/** What unlocking gives: all of it belongs to the caller. */
export interface UnlockedKeystore {
  readonly keystore: KeystoreEngine
  /** For the named keys of the same node. */
  readonly vaultSecrets: VaultSecrets
  /** The node's X25519 secrets to which others encrypt keys to be imported, the current one first. Borrowed from the keystore: gone when that is disposed of. */
  readonly importKeys: () => readonly Secret[]
  /** What the names of its objects in a token begin with, 8 bytes: the same before and after a move. */
  readonly tokenNamespace: Uint8Array
  /** Where the audit trail ended when the node moved last; absent when it never did, or had none. */
  readonly movedTrail?: MovedTrail
}

/**
 * Opens a keystore database and derives the current epoch, and the next one when a ceremony prepared it: which of the two counts is for the ledger to say. Afterwards neither s(node) nor the key-encryption key is in memory. `unlock` is borrowed.
 * @param boot where the node's boot secret is; without it, no storage key is shared.
 */
export function unlockKeystore(
  database: DatabaseSync,
  tools: KeystoreTools,
  unlock: UnlockSecret,
  boot?: BootSecretSource,
): Result<UnlockedKeystore> {
  const opened = SealedRecords.open(database, tools, unlock)
  if (!opened.ok) return opened
  using records = opened.value
  const stored = openStoredNode(records)
  if (!stored.ok) return stored
  using node = stored.value
  const { nodeSecret, predecessors, record } = node
  const unlocked = unlockRecord(tools, nodeSecret, record, predecessors)
  const vaultSecrets = deriveVault(tools.primitives, nodeSecret)
  const tokenNamespace = record.tokenNamespace ?? tokenNamespaceOf(tools.primitives, vaultSecrets)
  const facts = { tokenNamespace, ...(record.trail === undefined ? {} : { trail: record.trail }) }
  const runs = new RunKeeper(new RunStore(database, tools), { secrets: vaultSecrets, facts })
  runs.keep(unlocked.state)
  const pieces = { runs, ...(boot === undefined ? {} : { boot }) }
  return ok(unlockedKeystore(tools, { node: unlocked, vaultSecrets }, facts, pieces))
}

/** The parts of a keystore that was opened, by whatever. Takes all of it over. */
export function unlockedKeystore(
  tools: KeystoreTools,
  { node, vaultSecrets }: OpenedRun,
  { tokenNamespace, trail }: VaultFacts,
  pieces: PieceMeans,
): UnlockedKeystore {
  return {
    keystore: new KeystoreEngine(tools, node, pieces),
    vaultSecrets,
    importKeys: () => importKeys(node),
    tokenNamespace,
    ...(trail === undefined ? {} : { movedTrail: trail }),
  }
}

/** The node of a record, with what it was before, newest first. All secrets are borrowed. */
export function unlockRecord(
  { primitives }: KeystoreTools,
  nodeSecret: Secret,
  record: NodeRecord,
  predecessors: readonly Predecessor[] = [],
): UnlockedNode {
  const { entry } = record
  // The first epoch of a node that moved has its statement here too, and nothing comes before it.
  if (entry === undefined || record.epoch === 1) return unlockNode(primitives, nodeSecret, record, predecessors)
  const { statement } = unwrap(decodeEntry(entry))
  if (statement?.kind !== "rekey") throw new TypeError("the entry of a node's record is a rekey")
  const node = unlockNode(primitives, nodeSecret, { ...record, epoch: unwrap(decodeEpoch(record.epoch - 1)) }, predecessors)
  node.prepare({ secrets: deriveEpoch(primitives, nodeSecret, record.epoch), rekey: { keys: statement.body.keys, entry } })
  return node
}

/** The current one, and that of the epoch before, to which keys may be sealed that are under way. */
function importKeys({ earlier, secrets }: UnlockedNode): readonly Secret[] {
  return [secrets, ...earlier.slice(0, 1)].map(({ sealing }) => sealing)
}
