import type { DatabaseSync } from "node:sqlite"
import { brandShape, checkShape, ok, type Result, type Shape } from "@keygrove/base"
import { decodeClusterBytes, decodeEpoch, decodeGeneration, decodeNodePath } from "@keygrove/hierarchy"
import * as v from "valibot"
import { KeystoreEngine, type KeystoreTools } from "./engine.ts"
import type { UnlockSecret } from "./key-encryption.ts"
import { unlockNode, type NodePlace } from "./node-secrets.ts"
import { SealedRecords } from "./sealed-records.ts"

const placeShape: Shape<NodePlace> = v.strictObject({
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  generation: brandShape(decodeGeneration),
  epoch: brandShape(decodeEpoch),
})

/** Opens a keystore database and derives the current epoch; afterwards neither s(node) nor the key-encryption key is in memory. `unlock` is borrowed. */
export function unlockKeystore(database: DatabaseSync, tools: KeystoreTools, unlock: UnlockSecret): Result<KeystoreEngine> {
  const opened = SealedRecords.open(database, tools, unlock)
  if (!opened.ok) return opened
  using records = opened.value
  const node = records.get("node")
  if (!node.ok) return node
  using nodeSecret = node.value.secret
  const place = checkShape(node.value.record.open, {
    shape: placeShape,
    code: "KEYSTORE_RECORD_CORRUPT",
    noun: "sealed record of the node",
  })
  return place.ok ? ok(new KeystoreEngine(tools, unlockNode(tools.primitives, nodeSecret, place.value))) : place
}
