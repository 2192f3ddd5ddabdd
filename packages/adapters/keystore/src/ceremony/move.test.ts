import { openSync, closeSync, writeFileSync, readFileSync, existsSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { decodeCanonical, ok, refuse, Secret, toHex, unwrap, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import {
  clusterIdOf,
  decodeEpoch,
  decodeNodeName,
  decodeNodePath,
  deriveAnchor,
  deriveChild,
  deriveRoot,
  type ClusterId,
  type NodePath,
  type VaultSecrets,
} from "@keygrove/hierarchy"
import { decodeEntry, emptyLedger, findNode, foldEntry, openInvitation, type FoldedLedger } from "@keygrove/ledger"
import { decodeKeyGeneration, decodePieceIndex } from "@keygrove/pieces"
import { systemRandom } from "@keygrove/system"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { KeystoreEngine } from "../engine.ts"
import { KEY_FILE_BYTES } from "../key-encryption.ts"
import { claimedRecord, MAX_PREDECESSORS } from "../node-record.ts"
import { bootSecretOf } from "../boot-key.ts"
import { RUN_MIGRATIONS } from "../run-store.ts"
import { KEYSTORE_MIGRATIONS, SealedRecords } from "../sealed-records.ts"
import { tokenNamespaceOf } from "../token-namespace.ts"
import { unlockKeystore } from "../unlock.ts"
import { ceremonyTools, makeCeremonyStage } from "./ceremony-kit.contract.ts"
import { foundNode } from "./found-node.ts"
import { moveNode, type KeyHandover, type MoveOrder, type MoveOutcome } from "./move.ts"
import { holdRekey } from "./rekey.ts"
import { replaceRoot, type RootRekeyOrder, type RootRekeyOutcome } from "./root-rekey.ts"
import { storeNode } from "./store-node.ts"
import { newWords, seedOfWords } from "./words.ts"

const tools = ceremonyTools
const call = { signal: new AbortController().signal }
const stage = makeCeremonyStage()
afterAll(() => stage[Symbol.dispose]())
const { directory, keyBytes, unlock } = stage
const place = (path: string): NodePath => unwrap(decodeNodePath(path))
const ledger = "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW"
let files = 0

/** A descriptor of a file with a text, for as long as `use` takes. */
async function withFile<T>(text: string, use: (descriptor: number) => Promise<T>): Promise<T> {
  const path = join(directory, `given-${++files}`)
  writeFileSync(path, text)
  const descriptor = openSync(path, "r")
  try {
    return await use(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

interface Replacement extends RootRekeyOutcome {
  readonly words: readonly string[]
  readonly code: string
}

/** Replaces the root of some words, as a person does without a terminal. */
async function replace(words: readonly string[], changes: Partial<RootRekeyOrder> = {}): Promise<Result<Replacement>> {
  const [wordsOut, codeOut] = [join(directory, `words-${++files}`), join(directory, `code-${files}`)]
  return await withFile(`${words.join(" ")}\n`, async (descriptor) => {
    const nodes = [place("/laptop"), place("/laptop/phone")]
    const order = { cluster: clusterOf(words), words: { descriptor }, nodes, ledger, wordsOut, codeOut, ...changes }
    const outcome = await replaceRoot(tools, order, call)
    if (!outcome.ok) return outcome
    const made = readFileSync(wordsOut, "utf8").trim().split(" ")
    return ok({ ...outcome.value, words: made, code: readFileSync(codeOut, "utf8") })
  })
}

function clusterOf(words: readonly string[]): ClusterId {
  using seed = seedOfWords(words)
  using root = deriveRoot(nativePrimitives, seed)
  using anchor = deriveAnchor(nativePrimitives, root)
  return clusterIdOf(nativePrimitives, anchor.publicKey)
}

const certificateIn = (invitation: string): Uint8Array => unwrap(openInvitation(nativePrimitives, invitation)).certificate
/** What leads to `/laptop`. */
const chainOf = ({ announced, invitations, replaced }: RootRekeyOutcome): readonly Uint8Array[] => [
  replaced,
  announced,
  certificateIn(invitations[0] ?? ""),
]

const oldWords = newWords(systemRandom)
let plan: Replacement
beforeAll(async () => {
  plan = unwrap(await replace(oldWords))
})

/** The keystore of `/laptop` below the old root, in epoch 1. */
function newStore(): DatabaseSync {
  const database = new DatabaseSync(":memory:")
  for (const sql of [...KEYSTORE_MIGRATIONS, ...RUN_MIGRATIONS]) database.exec(sql)
  using seed = seedOfWords(oldWords)
  const founded = unwrap(foundNode(nativePrimitives, seed, "laptop"))
  using nodeSecret = founded.nodeSecret
  using secret = Secret.take(Uint8Array.from(keyBytes))
  unwrap(storeNode(database, tools, { method: "key-file", secret }, { place: founded.place, nodeSecret }))
  return database
}

const noKeys: KeyHandover = () => ok({ keys: 0, derived: 0 })

async function move(
  database: DatabaseSync,
  changes: Partial<MoveOrder> & { readonly code?: string } = {},
  handOver: KeyHandover = noKeys,
): Promise<Result<MoveOutcome>> {
  const { code = plan.code, ...others } = changes
  return await withFile(code, async (codeDescriptor) => {
    const order = { invitation: plan.invitations[0] ?? "", chain: chainOf(plan), unlock, codeDescriptor, ...others }
    return await moveNode(database, tools, order, { ...call, handOver })
  })
}

/** What a start of the keystore process finds. */
function start(database: DatabaseSync): KeystoreEngine {
  using secret = Secret.take(Uint8Array.from(keyBytes))
  const { keystore, vaultSecrets } = unwrap(unlockKeystore(database, tools, { method: "key-file", secret }))
  vaultSecrets[Symbol.dispose]()
  return keystore
}

const contentOf = (database: DatabaseSync): string =>
  JSON.stringify(
    ["SELECT id, open, sealed FROM record ORDER BY id", "SELECT * FROM run_record", "SELECT * FROM run_slot"].map((sql) =>
      database.prepare(sql).all(),
    ),
    (_key, value: unknown) => (value instanceof Uint8Array ? toHex(value) : value),
  )

/** Shares a storage key of the store's node, so that pieces open it. */
async function shareIn(database: DatabaseSync): Promise<void> {
  using secret = Secret.take(Uint8Array.from(keyBytes))
  using boot = Secret.take(systemRandom(32))
  const { keystore, vaultSecrets } = unwrap(unlockKeystore(database, tools, { method: "key-file", secret }, bootSecretOf(boot)))
  await using owner = keystore
  const { sealingKey } = owner.identity().keys
  const recipients = [2, 3].map((index) => ({ index: unwrap(decodePieceIndex(index)), sealingKey }))
  unwrap(await owner.share({ generation: unwrap(decodeKeyGeneration(1)), threshold: 2, recipients }, call))
  vaultSecrets[Symbol.dispose]()
}

let store: DatabaseSync
beforeEach(() => {
  store = newStore()
})

describe("replacing a root", () => {
  test("makes entries that the ledger takes in their order, and ends the old cluster with the last", () => {
    let folded: FoldedLedger = emptyLedger()
    const add = (entry: Uint8Array): string => {
      const next = unwrap(foldEntry(nativePrimitives, folded, entry))
      folded = next.ledger
      return next.judged.verdict.kind
    }
    using seed = seedOfWords(oldWords)
    const founded = unwrap(foundNode(nativePrimitives, seed, "laptop"))
    founded.nodeSecret[Symbol.dispose]()
    const entries = [...founded.genesis, plan.announced, ...plan.invitations.map(certificateIn), plan.replaced]
    expect(entries.map(add)).toEqual(entries.map(() => "applied"))
    expect(plan.successor).toBe(clusterOf(plan.words))
    expect(findNode(folded.state, { cluster: plan.successor, path: place("/laptop/phone") })?.generation).toBe(1)
  })

  test("seals each secret that the new words give, all under one code", () => {
    using seed = seedOfWords(plan.words)
    using root = deriveRoot(nativePrimitives, seed)
    const [laptop, phone] = plan.invitations.map((text) => unwrap(openInvitation(nativePrimitives, text)))
    if (laptop === undefined || phone === undefined) throw new TypeError("two were invited")
    using parent = deriveChild(nativePrimitives, root, { name: unwrap(decodeNodeName("laptop")), generation: laptop.child.generation })
    using anchor = deriveAnchor(nativePrimitives, parent)
    expect([laptop.child.anchorKey, phone.author.key]).toEqual([anchor.publicKey, anchor.publicKey])
    expect(phone.secret.salt).toEqual(laptop.secret.salt)
    expect(phone.secret.nonce).not.toEqual(laptop.secret.nonce)
    expect(plan.words).not.toEqual(oldWords)
  })

  test("is refused to words of another root, and leaves no words when the code cannot be written", async () => {
    expect(await replace(newWords(systemRandom), { cluster: clusterOf(oldWords) })).toMatchObject({ code: "WORDS_OF_ANOTHER_ROOT" })
    const wordsOut = join(directory, "unwanted")
    expect(await replace(oldWords, { wordsOut, codeOut: join(directory, "none", "code") })).toMatchObject({
      code: "INVITATION_CODE_UNWRITABLE",
    })
    expect(existsSync(wordsOut)).toBe(false)
    await expect(replace(oldWords, { nodes: [place("/laptop/phone")] })).rejects.toThrow("parents before their children")
  })
})

describe("a move", () => {
  test("makes the store that of the new node, with the old one as what it was", async () => {
    const { genesis, identity, moved } = unwrap(await move(store))
    await using keystore = start(store)
    expect(keystore.identity()).toEqual(identity)
    expect([identity.cluster, identity.path, keystore.pendingRekey()]).toEqual([plan.successor, "/laptop", undefined])
    expect(identity.predecessors).toMatchObject([{ cluster: clusterOf(oldWords), path: "/laptop", generation: 1, epoch: 1 }])
    expect(moved).toEqual({ keys: 0, derived: 0 })
    const [announced, rekey] = entriesOf(genesis)
    expect([announced, rekey]).toEqual([plan.announced, unwrap(claimedRecord(store)).entry].map((entry) => entry && Uint8Array.from(entry)))
    expect(unwrap(decodeEntry(rekey ?? new Uint8Array(0))).statement).toMatchObject({ kind: "rekey", body: { keys: identity.keys } })
  })

  test("held again gives the same outcome without the code, and the store goes on from there", async () => {
    const first = unwrap(await move(store))
    const content = contentOf(store)
    const again = unwrap(await move(store, { code: "none at all" }))
    expect(again).toEqual({ identity: first.identity, genesis: first.genesis })
    expect(contentOf(store)).toBe(content)
    const rekeyed = unwrap(await holdRekey(store, tools, { place: { ...first.identity, epoch: first.identity.keys.epoch }, unlock }, call))
    expect(rekeyed.epoch).toBe(2)
    await using keystore = start(store)
    expect(keystore.pendingRekey()?.entry).toEqual(rekeyed.entry)
    expect(keystore.identity().predecessors).toEqual(first.identity.predecessors)
  })

  test("from root to root keeps all that it was, also when several were replaced while it was off", async () => {
    unwrap(await move(store))
    const [second, third] = [unwrap(await replace(plan.words)), { plan: undefined as Replacement | undefined }]
    third.plan = unwrap(await replace(second.words))
    const chain = [second.replaced, ...chainOf(third.plan)]
    const { identity } = unwrap(await move(store, { invitation: third.plan.invitations[0] ?? "", chain, code: third.plan.code }))
    expect(identity.predecessors.map(({ cluster }) => cluster)).toEqual([plan.successor, clusterOf(oldWords)])
    await using keystore = start(store)
    const epoch = unwrap(decodeEpoch(1))
    const keys = [undefined, ...identity.predecessors].map(async (each) => {
      const name = each === undefined ? { label: "photos", epoch } : { label: "photos", epoch, cluster: each.cluster }
      return toHex(unwrap(await keystore.labelPublicKey(name, call)))
    })
    expect(new Set(await Promise.all(keys)).size).toBe(3)
  })

  test("leaves the objects in a token under the name that they were made with", async () => {
    const seen: Uint8Array[] = []
    unwrap(
      await move(store, {}, (from) => {
        seen.push(tokenNamespaceOf(nativePrimitives, from))
        return ok({ keys: 0, derived: 0 })
      }),
    )
    using secret = Secret.take(Uint8Array.from(keyBytes))
    const { keystore, tokenNamespace, vaultSecrets } = unwrap(unlockKeystore(store, tools, { method: "key-file", secret }))
    await using _locked = keystore
    using current = vaultSecrets
    expect(toHex(tokenNamespace)).not.toBe(toHex(tokenNamespaceOf(nativePrimitives, current)))
    expect(seen.map(toHex)).toEqual([toHex(tokenNamespace)])
  })
})

describe("at each point where it is cut off", () => {
  test.each([
    ["the first row", "CREATE TRIGGER cut BEFORE INSERT ON record BEGIN SELECT RAISE(ABORT, 'cut off'); END"],
    ["the second", "CREATE TRIGGER cut BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'cut off'); END"],
    ["the end", "CREATE TRIGGER cut AFTER UPDATE ON record BEGIN SELECT RAISE(ABORT, 'cut off'); END"],
    ["the run record goes", "CREATE TRIGGER cut BEFORE DELETE ON run_record BEGIN SELECT RAISE(ABORT, 'cut off'); END"],
  ])("before %s the store is as it was, and afterwards no pieces open it", async (_point, trigger) => {
    await shareIn(store)
    const content = contentOf(store)
    store.exec(trigger)
    await expect(move(store)).rejects.toThrow("cut off")
    expect(contentOf(store)).toBe(content)
    store.exec("DROP TRIGGER cut")
    expect((await move(store)).ok).toBe(true)
    for (const table of ["run_record", "run_secret", "run_slot"]) expect(store.prepare(`SELECT 1 FROM ${table}`).get()).toBeUndefined()
  })

  test("what the vault does not hand over leaves all as it was", async () => {
    const content = contentOf(store)
    const seen: string[] = []
    const refusing: KeyHandover = (from, to) => {
      seen.push(fingerprint(from), fingerprint(to))
      store.exec("UPDATE record SET version = 9")
      return refuse("KEY_RECORD_INVALID", "a record was changed")
    }
    expect(await move(store, {}, refusing)).toMatchObject({ code: "KEY_RECORD_INVALID" })
    expect(contentOf(store)).toBe(content)
    expect(new Set(seen).size).toBe(2)
  })

  test("what another ceremony did in the meantime is not undone", async () => {
    const content = contentOf(store)
    const late: KeyHandover = () => {
      store.exec("UPDATE record SET open = x'a0'")
      return ok({ keys: 0, derived: 0 })
    }
    await expect(move(store, {}, late)).rejects.toMatchObject({ code: "KEYSTORE_BUSY" })
    expect(contentOf(store)).toBe(content)
  })

  test("a predecessor that goes missing is noticed", async () => {
    unwrap(await move(store))
    store.exec("DELETE FROM record WHERE kind = 'predecessor'")
    using secret = Secret.take(Uint8Array.from(keyBytes))
    expect(unlockKeystore(store, tools, { method: "key-file", secret })).toMatchObject({ code: "KEYSTORE_RECORD_CORRUPT" })
  })
})

describe("is refused, and nothing is written,", () => {
  const refused = async (changes: Parameters<typeof move>[1], code: string): Promise<void> => {
    const content = contentOf(store)
    expect(await move(store, changes)).toMatchObject({ ok: false, code })
    expect(contentOf(store)).toBe(content)
  }

  test("with another code, another key file, or a text that is no invitation", async () => {
    await refused({ code: "abandon ".repeat(6) }, "INVITATION_CODE_WRONG")
    await refused({ code: "abandon" }, "INVITATION_CODE_INVALID")
    await refused({ invitation: "kginvite1qqqqqq" }, "INVITATION_INVALID")
    const wrong = join(directory, "wrong")
    writeFileSync(wrong, systemRandom(KEY_FILE_BYTES), { mode: 0o600 })
    await refused({ unlock: { kind: "key-file", path: wrong } }, "KEYSTORE_KEY_FILE_WRONG")
  })

  test("for another node", async () => {
    const [, phone = ""] = plan.invitations
    await refused({ invitation: phone, chain: [...chainOf(plan), certificateIn(phone)] }, "MOVE_NOT_THIS_NODE")
    await refused({ chain: [...chainOf(plan), certificateIn(phone)] }, "MOVE_NOT_THIS_NODE")
  })

  test("to a root that the old one did not name, however the entries are put together", async () => {
    const strangers = newWords(systemRandom)
    const other = unwrap(await replace(strangers))
    const [replaced = plan.replaced, announced = plan.announced, certificate = plan.replaced] = chainOf(plan)
    const [theirs = ""] = other.invitations
    const chains = [
      [],
      [replaced],
      [replaced, announced],
      [announced, certificate],
      [announced, replaced, certificate],
      [replaced, certificate],
      [replaced, announced, announced, certificate],
      [replaced, replaced, announced, certificate],
      [other.replaced, announced, certificate],
      [replaced, other.announced, certificateIn(theirs)],
      [replaced, announced, certificateIn(theirs)],
      [replaced, announced, certificateIn(plan.invitations[1] ?? "")],
      [replaced, announced, certificate.map((byte, index) => (index === 200 ? byte ^ 1 : byte))],
    ]
    for (const chain of chains) await refused({ chain }, "MOVE_CHAIN_INVALID")
    await refused({ invitation: theirs, chain: chainOf(other), code: other.code }, "MOVE_CHAIN_INVALID")
  })

  test("when the keystore keeps as many earlier nodes as it can", async () => {
    using secret = Secret.take(Uint8Array.from(keyBytes))
    using records = unwrap(SealedRecords.open(store, tools, { method: "key-file", secret }))
    const { record, secret: nodeSecret } = unwrap(records.get("node"))
    using _wiped = nodeSecret
    const open = Object.fromEntries(Object.entries(record.open ?? {}))
    for (let number = 1; number <= MAX_PREDECESSORS; number++)
      records.put(
        { id: `predecessor-${number}`, kind: "predecessor", version: 1, open: { ...open, cluster: new Uint8Array(32).fill(number) } },
        nodeSecret,
      )
    records.replace({ ...record, open: { ...open, predecessors: MAX_PREDECESSORS } }, nodeSecret, record.open)
    await refused({}, "MOVE_PREDECESSORS_EXHAUSTED")
    await using keystore = start(store)
    expect(keystore.identity().predecessors).toHaveLength(MAX_PREDECESSORS)
  })
})

function fingerprint({ sealing }: VaultSecrets): string {
  return sealing.expose((bytes) => toHex(nativePrimitives.sha256(bytes)))
}

function entriesOf(genesis: Uint8Array): readonly Uint8Array[] {
  const value = unwrap(decodeCanonical(genesis, 65_536))
  return Array.isArray(value) ? value.filter((entry) => entry instanceof Uint8Array) : []
}
