import { readFileSync } from "node:fs"
import { DatabaseSync, type SQLOutputValue } from "node:sqlite"
import { Secret, unwrap } from "@keygrove/base"
import { deriveKey, encodeInfo } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeEpoch, deriveEpoch, labelSecret } from "@keygrove/hierarchy"
import { SealedRecords } from "@keygrove/keystore"
import { createUmbral } from "@keygrove/reencryption"
import { systemRandom } from "@keygrove/system"
import { startOf } from "../../../packages/adapters/keystore/src/delegated-key.ts"
import { openBox } from "../../../packages/adapters/keystore/src/sealed-box.ts"
import type { HolderFiles } from "./kept-pieces.ts"

const primitives = nativePrimitives
const tools = { primitives, random: systemRandom }

/** What is sealed to a label, opened by its owner. Disposal wipes both. */
interface DelegatedKey extends Disposable {
  /** What the capsule holds, 33 bytes. */
  readonly seed: Secret
  readonly storageKey: Secret
}

/** The storage key of a node that starts by a label, from the label's owner in its first epoch, as only that could. */
export function delegatedKeyOf(owner: HolderFiles, node: Pick<HolderFiles, "store">): DelegatedKey {
  using database = new DatabaseSync(node.store)
  const row = database.prepare("SELECT store.id AS id, open, sealed FROM store, run_delegation").get() ?? {}
  const [storeId, open, sealed] = [blob(row["id"]), blob(row["open"]), blob(row["sealed"])]
  const start = unwrap(startOf({ open, sealed }))
  if (start === undefined) throw new TypeError("something is sealed to a label")
  using owners = new DatabaseSync(owner.store)
  using secret = Secret.take(Uint8Array.from(readFileSync(owner.keyFile)))
  using records = unwrap(SealedRecords.open(owners, tools, { method: "key-file", secret }))
  using nodeSecret = unwrap(records.get("node")).secret
  using epoch = deriveEpoch(primitives, nodeSecret, unwrap(decodeEpoch(1)))
  using label = labelSecret(primitives, epoch.labels, start.label)
  const umbral = createUmbral({ curve: primitives.curve, sha256: primitives.sha256, random: systemRandom })
  const seed = unwrap(umbral.openOriginal(label, unwrap(umbral.decodeCapsule(start.capsule))))
  using key = deriveKey(primitives, seed, ["keygrove/v1/delegated-start", storeId, open], 32)
  const storageKey = openBox(tools, key, sealed, encodeInfo(["keygrove/v1/delegated-start", storeId, open]))
  if (storageKey === undefined) throw new TypeError("the label's owner opens what is sealed to it")
  const both = [seed, storageKey]
  return {
    seed,
    storageKey,
    [Symbol.dispose]: () => {
      for (const each of both) each[Symbol.dispose]()
    },
  }
}

function blob(value: SQLOutputValue | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}
