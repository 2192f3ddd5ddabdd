import { readFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeEpoch } from "@keygrove/hierarchy"
import { KEYSTORE_APPLICATION_ID, KEYSTORE_MIGRATIONS, SealedRecords } from "@keygrove/keystore"
import { openDatabase } from "@keygrove/sqlite"
import { systemRandom } from "@keygrove/system"
import { storeNode } from "../../../packages/adapters/keystore/src/ceremony/store-node.ts"
import { decodeNodeRecord } from "../../../packages/adapters/keystore/src/node-record.ts"

const tools = { primitives: nativePrimitives, random: systemRandom }

/** Makes a keystore of the node in `store` as it would be in another epoch, under the same key file; the path of it, which ends in `name`. */
export function storeInEpoch(
  store: string,
  { epoch, keyFile, name }: { readonly keyFile: string; readonly epoch: number; readonly name: string },
): string {
  using secret = Secret.take(Uint8Array.from(readFileSync(keyFile)))
  const unlock = { method: "key-file", secret } as const
  const source = new DatabaseSync(store, { readOnly: true })
  using records = unwrap(SealedRecords.open(source, tools, unlock))
  const { record, secret: nodeSecret } = unwrap(records.get("node"))
  using _wiped = nodeSecret
  source.close()
  const place = { ...unwrap(decodeNodeRecord(record.open)), epoch: unwrap(decodeEpoch(epoch)) }
  const path = `${store}-${name}`
  // The vault's tables come with the keystore program's first start.
  const file = { path, applicationId: KEYSTORE_APPLICATION_ID, migrations: [...KEYSTORE_MIGRATIONS] }
  const target = unwrap(openDatabase(file))
  unwrap(storeNode(target, tools, unlock, { place, nodeSecret }))
  target.close()
  return path
}
