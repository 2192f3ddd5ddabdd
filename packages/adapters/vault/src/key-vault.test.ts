import { DatabaseSync } from "node:sqlite"
import { Secret, unwrap, utf8 } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { systemRandom } from "@keygrove/system"
import { createSealing } from "@keygrove/hpke"
import { decodeKeyId, KEY_TYPES, type KeyId } from "@keygrove/keys"
import { afterEach, beforeEach, expect, test } from "vitest"
import { namedKeysContract } from "../../../service/src/ports/named-keys.contract.ts"
import { VAULT_MIGRATIONS } from "./schema.ts"
import { openTestVault, type TestVault } from "./vault-kit.contract.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

namedKeysContract("in a vault", {
  primitives: nativePrimitives,
  sealing: hpkeSealing,
  open: async () => {
    const { importKey, vault } = openTestVault()
    return { keys: vault, importKey }
  },
})

const call = { caller: "node", signal: new AbortController().signal }
const id = (text: string): KeyId => unwrap(decodeKeyId(text))
const message = utf8("message")

let world: TestVault
beforeEach(() => {
  world = openTestVault()
})
afterEach(() => world[Symbol.dispose]())

test("keys of every type and the audit trail are there after a restart", async () => {
  for (const type of KEY_TYPES) unwrap(await world.vault.register({ id: id(type), type, source: { kind: "generate" } }, call))
  const before = unwrap(await world.vault.list({ limit: 10 }, call))
  const signed = unwrap(await world.vault.sign({ id: id("p256"), message }, call))
  const again = world.reopen()
  expect(unwrap(await again.list({ limit: 10 }, call))).toEqual(before)
  expect(unwrap(await again.verify({ id: id("p256"), message, signature: signed.signature }, call)).version).toBe(1)
  expect(unwrap(await again.verifyAudit(call)).length).toBe(8)
})

test("a database from before there were backends is read, and its keys are sealed ones", async () => {
  const [first = "", ...later] = VAULT_MIGRATIONS
  unwrap(await world.vault.register({ id: id("a"), type: "ed25519", source: { kind: "generate" } }, call))
  const old = new DatabaseSync(":memory:")
  old.exec(first)
  for (const { entry, proof } of world.keys.prepare("SELECT entry, proof FROM named_key").iterate())
    old.prepare("INSERT INTO named_key (id, entry, proof) VALUES ('a', ?, ?)").run(entry ?? null, proof ?? null)
  for (const { sealed } of world.keys.prepare("SELECT sealed FROM key_secret").iterate())
    old.prepare("INSERT INTO key_secret (id, version, sealed) VALUES ('a', 1, ?)").run(sealed ?? null)
  for (const sql of later) old.exec(sql)
  const again = world.reopen({ keys: old })
  expect(unwrap(await again.find(id("a"), call)).backend).toBe("sealed")
  expect((await again.sign({ id: id("a"), message }, call)).ok).toBe(true)
  expect((await again.rotate(id("a"), call)).ok).toBe(true)
})

test("derived keys come back from the node secret alone", async () => {
  const order = { id: id("mail/dkim"), type: "p256", source: { kind: "derive" } } as const
  unwrap(await world.vault.register(order, call))
  const made = unwrap(await world.vault.rotate(order.id, call))
  world.keys.exec("DELETE FROM named_key; DELETE FROM key_secret")
  const again = world.reopen()
  unwrap(await again.register(order, call))
  const back = unwrap(await again.rotate(order.id, call))
  expect(back.versions.map(({ publicKey }) => publicKey)).toEqual(made.versions.map(({ publicKey }) => publicKey))
})

test.each([
  ["the public side", "UPDATE named_key SET entry = CAST(replace(entry, 'disabled', 'enabled') AS BLOB)"],
  ["the proof", "UPDATE named_key SET proof = zeroblob(32)"],
  ["the place", "UPDATE named_key SET id = 'b'"],
])("a change of %s in the database is noticed", async (_what, sql) => {
  unwrap(await world.vault.register({ id: id("a"), type: "ed25519", source: { kind: "generate" } }, call))
  unwrap(await world.vault.setState(id("a"), { state: "disabled" }, call))
  world.keys.exec(sql)
  const again = world.reopen()
  const codes = await Promise.all([again.find(id("a"), call), again.find(id("b"), call)])
  expect(codes.map((each) => (each.ok ? "ok" : each.code))).toContain("KEY_RECORD_INVALID")
})

test("a secret moved to another key, or lost, is noticed", async () => {
  for (const name of ["a", "b"]) unwrap(await world.vault.register({ id: id(name), type: "ed25519", source: { kind: "generate" } }, call))
  world.keys.exec("UPDATE key_secret SET sealed = (SELECT sealed FROM key_secret WHERE id = 'b') WHERE id = 'a'")
  expect(await world.vault.sign({ id: id("a"), message }, call)).toMatchObject({ code: "KEY_RECORD_INVALID" })
  world.keys.exec("DELETE FROM key_secret WHERE id = 'b'")
  expect(await world.vault.sign({ id: id("b"), message }, call)).toMatchObject({ code: "KEY_RECORD_INVALID" })
})

test("an earlier record that is put back counts again, and the audit trail has what came after it", async () => {
  unwrap(await world.vault.register({ id: id("a"), type: "ed25519", source: { kind: "generate" } }, call))
  world.keys.exec("CREATE TEMP TABLE earlier AS SELECT * FROM named_key")
  unwrap(await world.vault.setState(id("a"), { state: "disabled" }, call))
  expect(await world.vault.sign({ id: id("a"), message }, call)).toMatchObject({ code: "KEY_DISABLED" })
  world.keys.exec("DELETE FROM named_key; INSERT INTO named_key SELECT * FROM earlier")
  const again = world.reopen()
  unwrap(await again.sign({ id: id("a"), message }, call))
  unwrap(await again.verifyAudit(call))
  const events = unwrap(await again.audit({ from: 0, limit: 10 }, call))
  expect(events.map(({ action, outcome }) => [action, outcome])).toEqual([
    ["register", "ok"],
    ["disable", "ok"],
    ["sign", "KEY_DISABLED"],
    ["sign", "ok"],
  ])
})

test("a variable is used once, and wiped whatever comes of it", async () => {
  const held = new Map(
    ["GOOD", "BAD", "TWICE"].map((name) => [name, Secret.take(utf8(name === "BAD" ? "no key" : "07".repeat(32)))] as const),
  )
  const take = (name: string): Secret | undefined => {
    const secret = held.get(name)
    return secret?.live === true ? secret : undefined
  }
  using here = openTestVault({ take })
  const add = async (name: string, variable: string): Promise<string> => {
    const added = await here.vault.register({ id: id(name), type: "ed25519", source: { kind: "environment", name: variable } }, call)
    return added.ok ? added.value.entry.source : added.code
  }
  expect(await add("a", "GOOD")).toBe("imported")
  expect(await add("b", "BAD")).toBe("KEY_MATERIAL_INVALID")
  expect(await add("b", "GOOD")).toBe("KEY_MATERIAL_UNREADABLE")
  expect(await add("a", "TWICE")).toBe("imported")
  expect([...held.values()].map(({ live }) => live)).toEqual([false, false, false])
})

test("destroying leaves nothing of the secret in the store", async () => {
  unwrap(await world.vault.register({ id: id("a"), type: "ed25519", source: { kind: "generate" } }, call))
  unwrap(await world.vault.rotate(id("a"), call))
  unwrap(await world.vault.setState(id("a"), { state: "destroyed", version: 1 }, call))
  expect(world.keys.prepare("SELECT version FROM key_secret").all()).toEqual([{ version: 2 }])
  unwrap(await world.vault.setState(id("a"), { state: "destroyed" }, call))
  expect(world.keys.prepare("SELECT version FROM key_secret").all()).toEqual([])
})

test.each([
  ["an event changed", "UPDATE event SET bytes = CAST(replace(bytes, 'node', 'nobo') AS BLOB) WHERE position = 1"],
  ["an event left out", "DELETE FROM event WHERE position = 1"],
  ["its end cut off", "DELETE FROM event WHERE position = 3"],
  ["its end cut off and its head set back", "DELETE FROM event WHERE position = 3; UPDATE head SET length = 3"],
  ["its head gone", "DELETE FROM head"],
])("an audit trail with %s is noticed", async (_what, sql) => {
  for (const name of ["a", "b", "c", "d"])
    unwrap(await world.vault.register({ id: id(name), type: "aes256", source: { kind: "generate" } }, call))
  expect(await world.vault.verifyAudit(call)).toMatchObject({ ok: true, value: { length: 4 } })
  world.audit.exec(sql)
  const inUse = (await world.vault.verifyAudit(call)).ok
  const reopened = ((): string => {
    try {
      world.reopen()
      return "opened"
    } catch (error) {
      return error instanceof Error && "code" in error ? String(error.code) : "threw"
    }
  })()
  expect([inUse, reopened]).not.toEqual([true, "opened"])
})

test("a use is refused after the vault was closed, and a minute has an end", async () => {
  const rules = { perMinute: 1 }
  unwrap(await world.vault.register({ id: id("a"), type: "ed25519", source: { kind: "generate" }, rules }, call))
  expect((await world.vault.sign({ id: id("a"), message }, call)).ok).toBe(true)
  expect((await world.vault.sign({ id: id("a"), message }, call)).ok).toBe(false)
  world.clock.now += 60_000
  expect((await world.vault.sign({ id: id("a"), message }, call)).ok).toBe(true)
  world.vault[Symbol.dispose]()
  expect(await world.vault.sign({ id: id("a"), message }, call)).toMatchObject({ code: "KEYSTORE_LOCKED" })
})
