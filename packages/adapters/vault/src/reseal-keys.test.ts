import { DatabaseSync } from "node:sqlite"
import { Secret, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives as primitives } from "@keygrove/curves-native"
import { decodeTimestamp, deriveVault, type VaultSecrets } from "@keygrove/hierarchy"
import { createSealing } from "@keygrove/hpke"
import { decodeKeyId, type AuditHead, type KeyId } from "@keygrove/keys"
import type { KeyCall } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { adoptKeys, auditHeadOf } from "./adopt-keys.ts"
import { KeyVault } from "./key-vault.ts"
import { resealKeys, type ResealedKeys } from "./reseal-keys.ts"
import { AUDIT_MIGRATIONS, VAULT_MIGRATIONS } from "./schema.ts"

const tools = {
  primitives,
  sealing: createSealing({ x25519: primitives.x25519, random: systemRandom }),
  random: systemRandom,
  now: () => unwrap(decodeTimestamp(1_800_000_000_000)),
}
const call: KeyCall = { caller: "node", signal: new AbortController().signal }
const id = (name: string): KeyId => unwrap(decodeKeyId(name))
const message = systemRandom(40)

function database(migrations: readonly string[]): DatabaseSync {
  const made = new DatabaseSync(":memory:")
  for (const sql of migrations) made.exec(sql)
  return made
}

let from: VaultSecrets
let to: VaultSecrets
let keys: DatabaseSync
let audit: DatabaseSync
beforeEach(() => {
  using old = Secret.take(systemRandom(32))
  using next = Secret.take(systemRandom(32))
  ;[from, to] = [deriveVault(primitives, old), deriveVault(primitives, next)]
  ;[keys, audit] = [database(VAULT_MIGRATIONS), database(AUDIT_MIGRATIONS)]
})
afterEach(() => {
  for (const each of [from, to]) each[Symbol.dispose]()
})

function open(secrets: VaultSecrets, movedTrail?: AuditHead): KeyVault {
  return unwrap(KeyVault.open(tools, { keys, audit, secrets, importKeys: () => [], ...(movedTrail === undefined ? {} : { movedTrail }) }))
}

function reseal(): ReturnType<typeof resealKeys> {
  keys.exec("BEGIN IMMEDIATE")
  const resealed = resealKeys(keys, { ...tools, from, to })
  keys.exec(resealed.ok ? "COMMIT" : "ROLLBACK")
  return resealed
}

/** Some keys of the old vault, of different sources and states, and what they were used for. */
async function fill(): Promise<{ readonly signature: Uint8Array; readonly ciphertext: Uint8Array; readonly derived: string }> {
  using vault = open(from)
  const { register } = vault
  unwrap(await register({ id: id("made"), type: "ed25519", source: { kind: "generate" } }, call))
  unwrap(await register({ id: id("cipher"), type: "aes256", source: { kind: "generate" } }, call))
  const { entry } = unwrap(await register({ id: id("derived"), type: "ed25519", source: { kind: "derive" } }, call))
  const { signature } = unwrap(await vault.sign({ id: id("made"), message }, call))
  const ciphertext = unwrap(await vault.encrypt({ id: id("cipher"), plaintext: message }, call))
  for (const name of ["made", "cipher"]) unwrap(await vault.rotate(id(name), call))
  unwrap(await vault.setState(id("made"), { state: "destroyed", version: 1 }, call))
  return { signature, ciphertext, derived: toHex(entry.versions[0]?.publicKey ?? new Uint8Array(0)) }
}

const contentOf = (): string =>
  JSON.stringify([keys.prepare("SELECT * FROM named_key").all(), keys.prepare("SELECT * FROM key_secret").all()])

describe("sealing keys again for another vault", () => {
  test("keeps every key, version, state and value, and the old vault reads nothing any more", async () => {
    const { ciphertext, derived } = await fill()
    const head = unwrap(auditHeadOf(audit, { primitives, secrets: from }, undefined))
    expect(reseal()).toEqual({ ok: true, value: { keys: 3, derived: 1 } satisfies ResealedKeys })
    {
      using vault = open(to, head)
      expect(unwrap(await vault.decrypt({ id: id("cipher"), ciphertext }, call))).toEqual(message)
      const { signature } = unwrap(await vault.sign({ id: id("made"), message }, call))
      expect(unwrap(await vault.verify({ id: id("made"), message, signature }, call)).version).toBe(2)
      const found = unwrap(await vault.find(id("derived"), call))
      expect(toHex(found.versions[0]?.publicKey ?? new Uint8Array(0))).toBe(derived)
      expect((await vault.sign({ id: id("derived"), message }, call)).ok).toBe(true)
      // From now on it follows from the new secret, which the old words do not give.
      const rotated = unwrap(await vault.rotate(id("derived"), call))
      expect(rotated.versions.map(({ version }) => version)).toEqual([1, 2])
      expect(unwrap(await vault.verifyAudit(call)).length).toBeGreaterThan(head.length)
    }
    expect(KeyVault.open(tools, { keys, audit, secrets: from, importKeys: () => [] })).toMatchObject({ code: "AUDIT_CORRUPT" })
    const [none] = [database(AUDIT_MIGRATIONS)]
    using old = unwrap(KeyVault.open(tools, { keys, audit: none, secrets: from, importKeys: () => [] }))
    for (const name of ["made", "cipher", "derived"]) expect(await old.find(id(name), call)).toMatchObject({ code: "KEY_RECORD_INVALID" })
  })

  test("goes through more keys than one page has", async () => {
    {
      using vault = open(from)
      for (let number = 0; number < 300; number++)
        unwrap(await vault.register({ id: id(`key-${number}`), type: "aes256", source: { kind: "generate" } }, call))
    }
    expect(reseal()).toMatchObject({ value: { keys: 300, derived: 0 } })
    using vault = open(to, unwrap(auditHeadOf(audit, { primitives, secrets: from }, undefined)))
    expect((await vault.encrypt({ id: id("key-299"), plaintext: message }, call)).ok).toBe(true)
  })

  test.each([
    ["a record that was changed", "UPDATE named_key SET proof = zeroblob(32) WHERE id = 'made'"],
    ["a record of another key", "UPDATE named_key SET entry = (SELECT entry FROM named_key WHERE id = 'cipher') WHERE id = 'made'"],
    ["a secret that was changed", "UPDATE key_secret SET sealed = zeroblob(72) WHERE id = 'cipher'"],
    ["a secret that is gone", "DELETE FROM key_secret WHERE id = 'derived'"],
  ])("refuses %s, and leaves all as it was", async (_what, sql) => {
    await fill()
    keys.exec(sql)
    const content = contentOf()
    expect(reseal()).toMatchObject({ ok: false, code: "KEY_RECORD_INVALID" })
    expect(contentOf()).toBe(content)
  })

  test("a keystore that is recovered with the new secret has all of them", async () => {
    const { ciphertext } = await fill()
    unwrap(reseal())
    const recovered = database(VAULT_MIGRATIONS)
    expect(adoptKeys(keys, recovered, { primitives, secrets: to })).toEqual({ ok: true, value: 3 })
    const own = { keys: recovered, audit: database(AUDIT_MIGRATIONS), secrets: to, importKeys: () => [] }
    using vault = unwrap(KeyVault.open(tools, own))
    expect(unwrap(await vault.decrypt({ id: id("cipher"), ciphertext }, call))).toEqual(message)
    expect(adoptKeys(keys, database(VAULT_MIGRATIONS), { primitives, secrets: from })).toMatchObject({ code: "KEY_RECORD_INVALID" })
  })

  test("is done in a transaction only", () => {
    expect(() => resealKeys(keys, { ...tools, from, to })).toThrow("one transaction")
  })
})

describe("the audit trail of a node that moved", () => {
  test("is taken over where it ended, and proved anew at once", async () => {
    await fill()
    const head = unwrap(auditHeadOf(audit, { primitives, secrets: from }, undefined))
    // Cut off before the first start, and moved again.
    expect(unwrap(auditHeadOf(audit, { primitives, secrets: from }, head))).toEqual(head)
    unwrap(reseal())
    open(to, head)[Symbol.dispose]()
    using vault = open(to)
    expect(unwrap(await vault.verifyAudit(call))).toEqual(head)
  })

  test("cannot be another one, whoever has the old vault's secrets and the file", async () => {
    await fill()
    const head = unwrap(auditHeadOf(audit, { primitives, secrets: from }, undefined))
    unwrap(reseal())
    const parts = { keys, secrets: to, importKeys: () => [], movedTrail: head }
    const forged = database(AUDIT_MIGRATIONS)
    {
      // Somebody writes a trail of their own with the old secrets.
      const emptied = database(VAULT_MIGRATIONS)
      using thief = unwrap(KeyVault.open(tools, { keys: emptied, audit: forged, secrets: from, importKeys: () => [] }))
      for (let number = 0; number < head.length; number++) await thief.sign({ id: id("made"), message }, call)
    }
    expect(KeyVault.open(tools, { ...parts, audit: forged })).toMatchObject({ code: "AUDIT_CORRUPT" })
    audit.exec("DELETE FROM event WHERE position = (SELECT max(position) FROM event)")
    expect(KeyVault.open(tools, { ...parts, audit })).toMatchObject({ code: "AUDIT_CORRUPT" })
  })
})
