import { DatabaseSync } from "node:sqlite"
import { ok, refuse, Secret, unwrap, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeEpoch, decodeGeneration, decodeNodeName, decodeNodePath, deriveAnchor, deriveChild, deriveVault } from "@keygrove/hierarchy"
import { decodeEntry } from "@keygrove/ledger"
import { systemRandom } from "@keygrove/system"
import { afterAll, describe, expect, test } from "vitest"
import { KEY_FILE_BYTES } from "../key-encryption.ts"
import { nodeRecordValue } from "../node-record.ts"
import { RUN_MIGRATIONS } from "../run-store.ts"
import { KEYSTORE_MIGRATIONS, SealedRecords } from "../sealed-records.ts"
import { unlockKeystore } from "../unlock.ts"
import { ceremonyTools, makeCeremonyStage } from "./ceremony-kit.contract.ts"
import { foundNode } from "./found-node.ts"
import { recoverNode, type Adoption, type RecoveryOrder, type RecoveryStep } from "./recover.ts"
import { storeNode } from "./store-node.ts"

const tools = ceremonyTools
const options = { signal: new AbortController().signal }
const stage = makeCeremonyStage()
afterAll(() => stage[Symbol.dispose]())
const { keyBytes, unlock } = stage
const generation = unwrap(decodeGeneration(1))
const phone = { name: unwrap(decodeNodeName("phone")), generation: unwrap(decodeGeneration(3)) }
const anyKeys: Adoption = async () => await Promise.resolve(ok({}))

function emptyStore(): DatabaseSync {
  const database = new DatabaseSync(":memory:")
  for (const sql of [...KEYSTORE_MIGRATIONS, ...RUN_MIGRATIONS]) database.exec(sql)
  return database
}

/** A parent in its keystore, and what the ledger says of its child. */
function family(): { readonly order: RecoveryOrder; readonly childSecret: Secret } {
  using seed = Secret.take(systemRandom(64))
  const { nodeSecret, place } = unwrap(foundNode(nativePrimitives, seed, "laptop"))
  using parent = nodeSecret
  const database = emptyStore()
  using secret = Secret.fill(KEY_FILE_BYTES, (target) => target.set(keyBytes))
  unwrap(storeNode(database, tools, { method: "key-file", secret }, { place, nodeSecret: parent }))
  const childSecret = deriveChild(nativePrimitives, parent, phone)
  using anchor = deriveAnchor(nativePrimitives, childSecret)
  const step: RecoveryStep = { path: unwrap(decodeNodePath("/laptop/phone")), generation: phone.generation, anchorKey: anchor.publicKey }
  const ancestor = { kind: "node", database, unlock, node: { path: place.path, generation } } as const
  return { order: { cluster: place.cluster, ancestor, steps: [step], epoch: unwrap(decodeEpoch(5)), unlock }, childSecret }
}

const recover = async (
  order: RecoveryOrder,
  adopt: Adoption = anyKeys,
  into: DatabaseSync = emptyStore(),
): ReturnType<typeof recoverNode> => await recoverNode(into, tools, order, { ...options, adopt })

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM store UNION SELECT 1 FROM record").get() === undefined
}

describe("recovering a node from one above it", () => {
  test("stores its secret in the ledger's epoch, and judges its named keys with its own vault", async () => {
    const { childSecret, order } = family()
    using _wiped = childSecret
    const into = emptyStore()
    using vault = deriveVault(nativePrimitives, childSecret)
    const seen: boolean[] = []
    const adopt: Adoption = async (secrets) => {
      seen.push(secrets.sealing.equals(vault.sealing))
      return await Promise.resolve(ok({}))
    }
    const { identity, rekey } = unwrap(await recover(order, adopt, into))
    expect([identity.path, Number(identity.generation), Number(identity.keys.epoch), rekey]).toEqual(["/laptop/phone", 3, 5, undefined])
    expect(seen).toEqual([true])
    using secret = Secret.take(Uint8Array.from(keyBytes))
    const opened = unwrap(unlockKeystore(into, tools, { method: "key-file", secret }))
    await using keystore = opened.keystore
    opened.vaultSecrets[Symbol.dispose]()
    expect(keystore.identity()).toEqual(identity)
  })

  test("takes over by what name its objects are in a token", async () => {
    const { childSecret, order } = family()
    childSecret[Symbol.dispose]()
    const into = emptyStore()
    const tokenNamespace = new Uint8Array(8).fill(7)
    unwrap(await recover(order, async () => await Promise.resolve(ok({ tokenNamespace })), into))
    using secret = Secret.take(Uint8Array.from(keyBytes))
    const opened = unwrap(unlockKeystore(into, tools, { method: "key-file", secret }))
    await using _locked = opened.keystore
    opened.vaultSecrets[Symbol.dispose]()
    expect(Uint8Array.from(opened.tokenNamespace)).toEqual(tokenNamespace)
  })

  test("signs the first rekey of a node that was never heard of", async () => {
    const { childSecret, order } = family()
    childSecret[Symbol.dispose]()
    const { epoch: _never, ...fresh } = order
    const { rekey = new Uint8Array(0) } = unwrap(await recover(fresh))
    expect(unwrap(decodeEntry(rekey)).statement).toMatchObject({ kind: "rekey", body: { generation: 3, keys: { epoch: 1 } } })
  })

  test("goes on for nodes of the cluster that the parent was in before its root was replaced", async () => {
    const { childSecret, order } = family()
    childSecret[Symbol.dispose]()
    const { ancestor } = order
    if (ancestor.kind !== "node") throw new TypeError("the parent is a node")
    using seed = Secret.take(systemRandom(64))
    const { nodeSecret, place } = unwrap(foundNode(nativePrimitives, seed, "laptop"))
    using moved = nodeSecret
    using secret = Secret.take(Uint8Array.from(keyBytes))
    using records = unwrap(SealedRecords.open(ancestor.database, tools, { method: "key-file", secret }))
    const { record, secret: oldSecret } = unwrap(records.get("node"))
    using parent = oldSecret
    records.put({ ...record, id: "predecessor-1", kind: "predecessor" }, parent)
    records.replace({ ...record, open: nodeRecordValue({ ...place, predecessors: 1 }) }, moved, record.open)
    const { identity } = unwrap(await recover(order))
    expect([identity.cluster, identity.path]).toEqual([order.cluster, "/laptop/phone"])
  })

  test("refuses what the ledger did not certify, another parent, and whatever the caller refuses; nothing is stored", async () => {
    const { childSecret, order } = family()
    childSecret[Symbol.dispose]()
    const [step] = order.steps
    const { ancestor } = order
    if (ancestor.kind !== "node") throw new TypeError("the parent is a node")
    const other = family()
    other.childSecret[Symbol.dispose]()
    const refusals: readonly (readonly [string, RecoveryOrder, Adoption?])[] = [
      ["RECOVERY_ANCHOR_WRONG", { ...order, steps: [{ ...step, generation }] }],
      ["RECOVERY_ANCHOR_WRONG", { ...order, steps: other.order.steps }],
      ["NODE_NOT_BELOW", { ...order, ancestor: { ...ancestor, node: { ...ancestor.node, generation: phone.generation } } }],
      ["NODE_NOT_BELOW", { ...order, cluster: other.order.cluster }],
      ["KEYSTORE_EMPTY", { ...order, ancestor: { ...ancestor, database: emptyStore() } }],
      ["RECOVERY_KEYSTORE_FOREIGN", order, async () => await Promise.resolve(foreign())],
    ]
    for (const [code, asked, adopt] of refusals) {
      const into = emptyStore()
      expect(await recover(asked, adopt, into), code).toMatchObject({ code })
      expect(isEmpty(into), code).toBe(true)
    }
  })
})

function foreign(): Result<never> {
  return refuse("RECOVERY_KEYSTORE_FOREIGN", "it is another's")
}
