import type { SQLInputValue } from "node:sqlite"
import { encodeCanonical, unwrap, type CborValue, type Secret } from "@keygrove/base"
import { deriveKey, encodeInfo, randomScalar, type Point } from "@keygrove/crypto"
import { decodeClusterId, decodeEpoch, decodeNodePath } from "@keygrove/hierarchy"
import { decodeKeyGeneration, decodePieceIndex } from "@keygrove/pieces"
import { createUmbral, decodeLabel, type LabelCard } from "@keygrove/reencryption"
import type { DelegatedUnlocking, LockedKeystore } from "@keygrove/service"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import { ceremonyTools, makeCeremonyStage } from "./ceremony/ceremony-kit.contract.ts"
import { directPorts, TestHome } from "./piece-homes.contract.ts"
import { openBox } from "./sealed-box.ts"

const { primitives, random } = ceremonyTools
const { curve, sha256 } = primitives
const umbral = createUmbral({ curve, sha256, random })
const call = { signal: new AbortController().signal }
const stage = makeCeremonyStage()
afterAll(() => stage[Symbol.dispose]())

/** A label of nobody's keystore: its secret is at hand here. */
const labelSecret = randomScalar({ curve, random })
const delegation = randomScalar({ curve, random })
afterAll(() => {
  for (const secret of [labelSecret, delegation]) secret[Symbol.dispose]()
})
const pointOf = (secret: Secret): Point => curve.basePointTimesSecret(secret)
const card: LabelCard = {
  owner: { cluster: unwrap(decodeClusterId("cd".repeat(32))), path: unwrap(decodeNodePath("/desk")) },
  label: unwrap(decodeLabel("start/node")),
  epoch: unwrap(decodeEpoch(1)),
  labelKey: curve.encodePoint(pointOf(labelSecret)),
}

let home: TestHome
beforeEach(() => void (home = new TestHome(stage, directPorts)))
afterEach(async () => await home[Symbol.asyncDispose]())

async function delegate(): Promise<void> {
  await using running = home.openEngine()
  unwrap(await running.delegateStart(card, call))
}

/** What two proxies give the node for what it says of itself. */
function granted({ bootKeys, delegatedStart }: LockedKeystore): DelegatedUnlocking {
  const capsule = unwrap(umbral.decodeCapsule(delegatedStart?.capsule ?? new Uint8Array(0)))
  const receivingKey = unwrap(curve.decodePoint(bootKeys.encryptionKey))
  const order = { delegatingKey: labelSecret, receivingKey, signingKey: delegation, threshold: 2, shares: 2 }
  const fragments = unwrap(umbral.generateFragments(order))
  const capsuleFragments = fragments.map((fragment) => umbral.encodeCapsuleFragment(umbral.reencrypt(capsule, fragment)))
  return { capsuleFragments, delegationKey: curve.encodePoint(pointOf(delegation)) }
}

/** "opened", or why not. */
async function start(): Promise<string> {
  const opened = await home.openLocked()
  if (!opened.ok) return opened.code
  await using locked = opened.value
  if (locked.delegatedStart === undefined) return "nothing is sealed"
  const unlocked = await locked.unlockDelegated(granted(locked), call)
  if (!unlocked.ok) return unlocked.code
  await unlocked.value[Symbol.asyncDispose]()
  return "opened"
}

const blobOf = (sql: string, column: string): Uint8Array => {
  const value = home.database.prepare(sql).get()?.[column]
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}
const open = (): Uint8Array => blobOf("SELECT open FROM run_delegation", "open")
const run = (sql: string, ...values: readonly SQLInputValue[]): void => void home.database.prepare(sql).run(...values)

test("what is sealed is of the documented form, and the label's owner opens the storage key, and nothing by it but the slot", async () => {
  await delegate()
  const storeId = blobOf("SELECT id FROM store", "id")
  await using locked = unwrap(await home.openLocked())
  const capsule = unwrap(umbral.decodeCapsule(locked.delegatedStart?.capsule ?? storeId))
  using seed = unwrap(umbral.openOriginal(labelSecret, capsule))
  using key = deriveKey(primitives, seed, ["keygrove/v1/delegated-start", storeId, open()], 32)
  const sealed = blobOf("SELECT sealed FROM run_delegation", "sealed")
  expect(sealed.length).toBe(72)
  using storageKey = openBox({ primitives }, key, sealed, encodeInfo(["keygrove/v1/delegated-start", storeId, open()]))
  if (storageKey === undefined) throw new TypeError("the owner opens what was sealed to its label")
  const publicKey = curve.encodePoint(pointOf(storageKey))
  expect(home.database.prepare("SELECT generation, public_key FROM run_slot").all()).toEqual([{ generation: 0, public_key: publicKey }])
  using slotKey = deriveKey(primitives, storageKey, ["keygrove/v1/run-key-slot", storeId, publicKey], 32)
  const slot = blobOf("SELECT sealed FROM run_slot", "sealed")
  using runKey = openBox({ primitives }, slotKey, slot, encodeInfo(["keygrove/v1/run-key-slot", storeId, publicKey, 0]))
  expect(runKey?.length).toBe(32)
})

describe("what was changed on the disk opens nothing", () => {
  const fields = { version: 1, cluster: new Uint8Array(32), path: "/desk", label: "start/node", epoch: 1 }
  const said = (changes: Readonly<Record<string, CborValue>>): Uint8Array => {
    const keys = { labelKey: card.labelKey, capsule: new Uint8Array(105), publicKey: card.labelKey }
    return encodeCanonical({ ...fields, ...keys, ...changes })
  }

  test.each<[string, () => void, string]>([
    ["the sealed key", () => run("UPDATE run_delegation SET sealed = ?", new Uint8Array(72)), "DELEGATED_START_INVALID"],
    ["its length", () => run("UPDATE run_delegation SET sealed = x''"), "DELEGATED_START_INVALID"],
    ["the key of its slot", () => run("UPDATE run_slot SET public_key = ?", card.labelKey), "SLOT_UNKNOWN"],
    ["its slot", () => run("UPDATE run_slot SET sealed = zeroblob(72)"), "SLOT_UNKNOWN"],
    ["that there is a slot", () => run("DELETE FROM run_slot"), "SLOT_UNKNOWN"],
    ["that there is something sealed", () => run("DELETE FROM run_delegation"), "RUN_RECORD_ABSENT"],
    ["the label", () => run("UPDATE run_delegation SET open = ?", changedText()), "DELEGATED_START_INVALID"],
    ["no CBOR", () => run("UPDATE run_delegation SET open = x'ff'"), "KEYSTORE_RECORD_CORRUPT"],
    ["another version", () => run("UPDATE run_delegation SET open = ?", said({ version: 2 })), "KEYSTORE_RECORD_CORRUPT"],
    ["a field more", () => run("UPDATE run_delegation SET open = ?", said({ more: 1 })), "KEYSTORE_RECORD_CORRUPT"],
    ["a label that is none", () => run("UPDATE run_delegation SET open = ?", said({ label: "a/" })), "KEYSTORE_RECORD_CORRUPT"],
    ["a short capsule", () => run("UPDATE run_delegation SET open = ?", said({ capsule: new Uint8Array(104) })), "KEYSTORE_RECORD_CORRUPT"],
  ])("%s", async (_what, change, code) => {
    await delegate()
    expect(await start()).toBe("opened")
    change()
    expect(await start()).toBe(code)
  })

  /** What lies in the open, with another label of the same length. */
  function changedText(): Uint8Array {
    const at = Buffer.from(open()).indexOf("start/node")
    return open().map((byte, index) => (index === at ? byte ^ 1 : byte))
  }

  test("and stands in nobody else's way", async () => {
    await delegate()
    await using running = home.openEngine()
    const recipients = [2, 3].map((index) => ({ index: unwrap(decodePieceIndex(index)), sealingKey: running.identity().keys.sealingKey }))
    unwrap(await running.share({ generation: unwrap(decodeKeyGeneration(1)), threshold: 2, recipients }, call))
    run("UPDATE run_delegation SET open = x'ff'")
    await using locked = unwrap(await home.openLocked())
    expect([locked.slots.length, locked.delegatedStart]).toEqual([1, undefined])
    expect(await running.delegatedStart(call)).toMatchObject({ code: "KEYSTORE_RECORD_CORRUPT" })
    unwrap(await running.endDelegatedStart(call))
    expect(unwrap(await running.delegatedStart(call))).toBeUndefined()
  })

  test("what lies in another store", async () => {
    await delegate()
    await using other = new TestHome(stage, directPorts)
    await using running = other.openEngine()
    unwrap(await running.delegateStart(card, call))
    const row = other.database.prepare("SELECT open, sealed FROM run_delegation").get()
    run("UPDATE run_delegation SET open = ?, sealed = ?", row?.["open"] ?? null, row?.["sealed"] ?? null)
    expect(await start()).toBe("DELEGATED_START_INVALID")
  })
})

describe("at each point where it can be cut off", () => {
  const FULL = "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
  test.each([
    ["run_slot", "INSERT"],
    ["run_delegation", "INSERT"],
    ["run_delegation", "DELETE"],
    ["run_secret", "INSERT"],
    ["run_slot", "UPDATE"],
  ])("slot and sealed key are those before or those after: %s, %s", async (table, change) => {
    await delegate()
    await using running = home.openEngine()
    const kept = [open(), blobOf("SELECT sealed FROM run_slot", "sealed")]
    home.database.exec(`CREATE TRIGGER full BEFORE ${change} ON ${table} ${FULL}`)
    await expect(running.delegateStart(card, call)).rejects.toThrow("disk full")
    expect([open(), blobOf("SELECT sealed FROM run_slot", "sealed")]).toEqual(kept)
    home.database.exec("DROP TRIGGER full")
    expect(await start()).toBe("opened")
    unwrap(await running.delegateStart(card, call))
    expect(open()).not.toEqual(kept[0])
    expect(await start()).toBe("opened")
  })

  test("a slot that was damaged goes with what was sealed", async () => {
    await delegate()
    run("UPDATE run_slot SET key = zeroblob(length(key))")
    await using running = home.openEngine()
    expect(unwrap(await running.delegatedStart(call))).toBeUndefined()
    expect(await start()).toBe("RUN_RECORD_ABSENT")
  })
})
