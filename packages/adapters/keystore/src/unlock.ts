import type { DatabaseSync } from "node:sqlite"
import { brandShape, checkShape, decodeCanonical, ok, refuse, type CborValue, type Result, type Secret, type Shape } from "@keygrove/base"
import { decodeClusterBytes, decodeEpoch, decodeGeneration, decodeNodePath, deriveVault, type VaultSecrets } from "@keygrove/hierarchy"
import * as v from "valibot"
import { KeystoreEngine, type KeystoreTools } from "./engine.ts"
import type { UnlockSecret } from "./key-encryption.ts"
import { unlockNode, type NodePlace } from "./node-secrets.ts"
import { MAX_OPEN_BYTES, SealedRecords } from "./sealed-records.ts"

/** Public part of a node's sealed record. */
export const placeShape: Shape<NodePlace> = v.strictObject({
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  generation: brandShape(decodeGeneration),
  epoch: brandShape(decodeEpoch),
})

/** Checks the public part of a node's sealed record. */
export function decodePlace(open: CborValue): Result<NodePlace, "KEYSTORE_RECORD_CORRUPT"> {
  return checkShape(open, { shape: placeShape, code: "KEYSTORE_RECORD_CORRUPT", noun: "sealed record of the node" })
}

/** Whose keystore a database says that it is. A claim, which nothing authenticates while the record is sealed. */
export function claimedPlace(database: DatabaseSync): Result<NodePlace, "KEYSTORE_EMPTY" | "KEYSTORE_RECORD_CORRUPT"> {
  const open = database.prepare("SELECT open FROM record WHERE id = 'node'").get()?.["open"]
  if (!(open instanceof Uint8Array)) return refuse("KEYSTORE_EMPTY", "the keystore holds no node; is it the right file?")
  const value = decodeCanonical(open, MAX_OPEN_BYTES)
  return decodePlace(value.ok ? value.value : null)
}

/** What unlocking gives: all of it belongs to the caller. */
export interface UnlockedKeystore {
  readonly keystore: KeystoreEngine
  /** For the named keys of the same node. */
  readonly vaultSecrets: VaultSecrets
  /** The node's X25519 secret, to which others encrypt keys to be imported. Borrowed from the keystore: gone when that is disposed of. */
  readonly importKey: Secret
}

/** Opens a keystore database and derives the current epoch; afterwards neither s(node) nor the key-encryption key is in memory. `unlock` is borrowed. */
export function unlockKeystore(database: DatabaseSync, tools: KeystoreTools, unlock: UnlockSecret): Result<UnlockedKeystore> {
  const opened = SealedRecords.open(database, tools, unlock)
  if (!opened.ok) return opened
  using records = opened.value
  const node = records.get("node")
  if (!node.ok) return node
  using nodeSecret = node.value.secret
  const place = decodePlace(node.value.record.open)
  if (!place.ok) return place
  const unlocked = unlockNode(tools.primitives, nodeSecret, place.value)
  const vaultSecrets = deriveVault(tools.primitives, nodeSecret)
  return ok({ keystore: new KeystoreEngine(tools, unlocked), vaultSecrets, importKey: unlocked.secrets.sealing })
}
