import type { DatabaseSync } from "node:sqlite"
import { ok, unwrap, type Result, type Secret } from "@keygrove/base"
import { decodeEpoch, deriveEpoch, deriveVault, type VaultSecrets } from "@keygrove/hierarchy"
import { decodeEntry } from "@keygrove/ledger"
import { KeystoreEngine, type KeystoreTools } from "./engine.ts"
import type { UnlockSecret } from "./key-encryption.ts"
import { decodeNodeRecord, type NodeRecord } from "./node-record.ts"
import { unlockNode, type UnlockedNode } from "./node-secrets.ts"
import { SealedRecords } from "./sealed-records.ts"

/** What unlocking gives: all of it belongs to the caller. */
export interface UnlockedKeystore {
  readonly keystore: KeystoreEngine
  /** For the named keys of the same node. */
  readonly vaultSecrets: VaultSecrets
  /** The node's X25519 secrets to which others encrypt keys to be imported, the current one first. Borrowed from the keystore: gone when that is disposed of. */
  readonly importKeys: () => readonly Secret[]
}

/**
 * Opens a keystore database and derives the current epoch, and the next one when a ceremony prepared it: which of the two counts is for the ledger to say. Afterwards neither s(node) nor the key-encryption key is in memory. `unlock` is borrowed.
 */
export function unlockKeystore(database: DatabaseSync, tools: KeystoreTools, unlock: UnlockSecret): Result<UnlockedKeystore> {
  const opened = SealedRecords.open(database, tools, unlock)
  if (!opened.ok) return opened
  using records = opened.value
  const node = records.get("node")
  if (!node.ok) return node
  using nodeSecret = node.value.secret
  const record = decodeNodeRecord(node.value.record.open)
  if (!record.ok) return record
  const unlocked = unlockRecord(tools, nodeSecret, record.value)
  const vaultSecrets = deriveVault(tools.primitives, nodeSecret)
  return ok({ keystore: new KeystoreEngine(tools, unlocked), vaultSecrets, importKeys: () => importKeys(unlocked) })
}

/** The node of a record. `nodeSecret` is borrowed. */
export function unlockRecord({ primitives }: KeystoreTools, nodeSecret: Secret, record: NodeRecord): UnlockedNode {
  const { entry } = record
  if (entry === undefined) return unlockNode(primitives, nodeSecret, record)
  const { statement } = unwrap(decodeEntry(entry))
  if (statement?.kind !== "rekey") throw new TypeError("the entry of a node's record is a rekey")
  const node = unlockNode(primitives, nodeSecret, { ...record, epoch: unwrap(decodeEpoch(record.epoch - 1)) })
  node.prepare({ secrets: deriveEpoch(primitives, nodeSecret, record.epoch), rekey: { keys: statement.body.keys, entry } })
  return node
}

/** The current one, and that of the epoch before, to which keys may be sealed that are under way. */
function importKeys({ earlier, secrets }: UnlockedNode): readonly Secret[] {
  return [secrets, ...earlier.slice(0, 1)].map(({ sealing }) => sealing)
}
