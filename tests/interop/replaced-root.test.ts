import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { ok, Secret, unwrap } from "@keygrove/base"
import { encodeInfo } from "@keygrove/crypto"
import { nativePrimitives as primitives } from "@keygrove/curves-native"
import {
  decodeEpoch,
  decodeGeneration,
  decodeNodeName,
  decodeNodePath,
  decodeTimestamp,
  deriveAnchor,
  deriveChild,
  deriveEpoch,
  deriveEpochSecret,
  deriveRoot,
  deriveVault,
  labelSecret,
  type Timestamp,
} from "@keygrove/hierarchy"
import { createSealing } from "@keygrove/hpke"
import { decodeKeyId } from "@keygrove/keys"
import { KEYSTORE_MIGRATIONS, RUN_MIGRATIONS, unlockKeystore } from "@keygrove/keystore"
import { moveNode, replaceRoot, type KeyHandover, type MoveOutcome } from "@keygrove/keystore/ceremony"
import { invitationContext, openInvitation } from "@keygrove/ledger"
import { createUmbral, deriveFileKey } from "@keygrove/reencryption"
import { systemRandom as random } from "@keygrove/system"
import { AUDIT_MIGRATIONS, auditHeadOf, KeyVault, resealKeys, VAULT_MIGRATIONS } from "@keygrove/vault"
import { afterAll, beforeAll, expect, test } from "vitest"
import { foundNode } from "../../packages/adapters/keystore/src/ceremony/found-node.ts"
import { storeNode } from "../../packages/adapters/keystore/src/ceremony/store-node.ts"
import { newWords, seedOfWords } from "../../packages/adapters/keystore/src/ceremony/words.ts"

const tools = { primitives, random, sealing: createSealing({ x25519: primitives.x25519, random }) }
const umbral = createUmbral({ curve: primitives.curve, sha256: primitives.sha256, random })
const aead = primitives.aead("xchacha20-poly1305")
const call = { signal: new AbortController().signal }
const use = { ...call, caller: "node" } as const
const directory = mkdtempSync(join(tmpdir(), "keygrove-replaced-"))
const at = (name: string): string => join(directory, name)
const keyBytes = random(32)
const [label, headerDigest] = ["photos/2026", random(32)]
const laptop = unwrap(decodeNodePath("/laptop"))
const id = unwrap(decodeKeyId("mail"))
const oldWords = newWords(random)

/** What was written after the move, and how somebody with one secret of 32 bytes would try to open it. */
type Lock = (secret: Secret) => boolean | Promise<boolean>
const locks = new Map<string, Lock>()
let newerWords: readonly string[] = []
afterAll(() => rmSync(directory, { recursive: true }))

function database(migrations: readonly string[]): DatabaseSync {
  const made = new DatabaseSync(":memory:")
  for (const sql of migrations) made.exec(sql)
  return made
}

async function reading<T>(name: string, work: (descriptor: number) => Promise<T>): Promise<T> {
  const descriptor = openSync(at(name), "r")
  try {
    return await work(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Everything that the words give: secrets of the root, and of nodes below it in generations and epochs enough. */
function secretsOf(words: readonly string[], owned: DisposableStack): readonly Secret[] {
  using seed = seedOfWords(words)
  const found: Secret[] = []
  const keep = (secret: Secret): Secret => {
    found.push(owned.use(secret.copy()))
    return secret
  }
  const below = (parent: Secret, names: readonly string[]): void => {
    const [name, ...others] = names
    if (name === undefined) return
    for (const generation of [1, 2]) {
      const child = { name: unwrap(decodeNodeName(name)), generation: unwrap(decodeGeneration(generation)) }
      using node = deriveChild(primitives, parent, child)
      using anchor = deriveAnchor(primitives, keep(node))
      keep(anchor.seed)
      using vault = deriveVault(primitives, node)
      for (const each of [vault.sealing, vault.authentication, vault.derivation]) keep(each)
      for (const epoch of [1, 2, 3].map((number) => unwrap(decodeEpoch(number)))) {
        using epochSecret = deriveEpochSecret(primitives, node, epoch)
        using secrets = deriveEpoch(primitives, node, epoch)
        using labelKey = labelSecret(primitives, secrets.labels, label)
        const { delegation, encryption, labels, sealing, signing, storage } = secrets
        for (const each of [epochSecret, labelKey, delegation, encryption, labels, sealing, signing, storage]) keep(each)
      }
      below(node, others)
    }
  }
  using root = deriveRoot(primitives, seed)
  using anchor = deriveAnchor(primitives, keep(root))
  keep(anchor.seed)
  below(root, ["laptop", "phone"])
  return found
}

/** Names of what any of the secrets opens. */
async function openedBy(words: readonly string[]): Promise<readonly string[]> {
  using owned = new DisposableStack()
  const opened = new Set<string>()
  for (const secret of secretsOf(words, owned)) for (const [name, lock] of locks) if (await lock(secret)) opened.add(name)
  return [...opened].toSorted()
}

/** Moves the keystore of `/laptop` of the old words below a new root, with its named keys; what was made is at hand in `databases`. */
async function moveBelowNewRoot(databases: { readonly keys: DatabaseSync; readonly audit: DatabaseSync }): Promise<MoveOutcome> {
  const { audit, keys } = databases
  writeFileSync(at("old"), oldWords.join(" "))
  writeFileSync(at("key"), keyBytes, { mode: 0o600 })
  using seed = seedOfWords(oldWords)
  const founded = unwrap(foundNode(primitives, seed, "laptop"))
  using nodeSecret = founded.nodeSecret
  using secret = Secret.take(Uint8Array.from(keyBytes))
  unwrap(storeNode(keys, tools, { method: "key-file", secret }, { place: founded.place, nodeSecret }))
  const order = {
    cluster: founded.place.cluster,
    nodes: [laptop],
    ledger: "/ip4/127.0.0.1/tcp/1",
    wordsOut: at("new"),
    codeOut: at("code"),
  }
  const plan = unwrap(await reading("old", async (descriptor) => await replaceRoot(tools, { ...order, words: { descriptor } }, call)))
  const [invitation = ""] = plan.invitations
  const { certificate, ledger, secret: sealed } = unwrap(openInvitation(primitives, invitation))
  locks.set("invitation", (key) => aead.open(key, sealed.nonce, sealed.sealed, invitationContext({ certificate, ledger })).ok)
  const handOver: KeyHandover = (from, to, moved) => {
    const trail = unwrap(auditHeadOf(audit, { primitives, secrets: from }, moved))
    const resealed = unwrap(resealKeys(keys, { ...tools, from, to }))
    return ok({ ...resealed, ...(trail.length === 0 ? {} : { trail }) })
  }
  const unlock = { kind: "key-file", path: at("key") } as const
  const move = { invitation, chain: [plan.replaced, plan.announced, certificate], unlock }
  return unwrap(
    await reading("code", async (codeDescriptor) => await moveNode(keys, tools, { ...move, codeDescriptor }, { ...call, handOver })),
  )
}

beforeAll(async () => {
  const databases = { keys: database([...KEYSTORE_MIGRATIONS, ...VAULT_MIGRATIONS, ...RUN_MIGRATIONS]), audit: database(AUDIT_MIGRATIONS) }
  const { identity } = await moveBelowNewRoot(databases)
  newerWords = readFileSync(at("new"), "utf8").trim().split(" ")
  using secret = Secret.take(Uint8Array.from(keyBytes))
  const unlocked = unwrap(unlockKeystore(databases.keys, tools, { method: "key-file", secret }))
  await using keystore = unlocked.keystore
  using vaultSecrets = unlocked.vaultSecrets
  const now = (): Timestamp => unwrap(decodeTimestamp(1_800_000_000_000))
  using vault = unwrap(KeyVault.open({ ...tools, now }, { ...databases, secrets: vaultSecrets, importKeys: unlocked.importKeys }))
  const { entry } = unwrap(await vault.register({ id, type: "aes256", source: { kind: "derive" } }, use))
  const handle = databases.keys.prepare("SELECT sealed FROM key_secret").get()?.["sealed"]
  if (!(handle instanceof Uint8Array)) throw new TypeError("the secret of a key is on the disk")
  const place = encodeInfo(["keygrove/v1/key-secret", id, "aes256", 1, entry.versions[0]?.publicKey ?? new Uint8Array(0)])
  locks.set("named key", (key) => aead.open(key, handle.subarray(0, 24), handle.subarray(24), place).ok)
  const labelKey = unwrap(await keystore.labelPublicKey({ label, epoch: identity.keys.epoch }, call))
  const { capsule, keySeed } = umbral.encapsulate(unwrap(primitives.curve.decodePoint(labelKey)))
  using seed = keySeed
  const fileKey = deriveFileKey(primitives, seed, headerDigest)
  locks.set("file", (key) => {
    const opened = umbral.openOriginal(key, capsule)
    if (!opened.ok) return false
    using theirs = opened.value
    using guess = deriveFileKey(primitives, theirs, headerDigest)
    return guess.equals(fileKey)
  })
  const message = unwrap(await tools.sealing.seal(identity.keys.sealingKey, random(40), { info: headerDigest }))
  locks.set("message to the node", async (key) => (await tools.sealing.open(key, message, { info: headerDigest })).ok)
  const { signingKey } = identity.keys
  locks.set("signature", (key) => Buffer.from(primitives.ed25519.publicKey(key)).equals(signingKey))
})

test("the new words open what is written after a move, each by one of their secrets", async () => {
  expect(await openedBy(newerWords)).toEqual(["file", "message to the node", "named key", "signature"])
})

test("the old words open nothing of it, nor does whatever they give", async () => {
  expect(await openedBy(oldWords)).toEqual([])
})
