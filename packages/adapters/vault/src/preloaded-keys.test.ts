import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap, utf8 } from "@keygrove/base"
import { decodeKeyId, KEY_TYPES, type KeyId } from "@keygrove/keys"
import type { KeyRegistration } from "@keygrove/service"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { MAX_PRELOADED_KEYS } from "./preloaded-records.ts"
import { openTestVault, type TestVault } from "./vault-kit.contract.ts"

const call = { caller: "node", signal: new AbortController().signal }
const id = (text: string): KeyId => unwrap(decodeKeyId(text))
const message = utf8("message")
const state = { directory: "" }
const file = (): string => join(state.directory, "key")

beforeAll(() => {
  state.directory = mkdtempSync(join(tmpdir(), "keygrove-preload-"))
  writeFileSync(file(), "07".repeat(32), { mode: 0o600 })
})
afterAll(() => rmSync(state.directory, { recursive: true }))

let world: TestVault
beforeEach(() => {
  world = openTestVault()
})
afterEach(() => world[Symbol.dispose]())

const preload = (name: string, extra: Partial<KeyRegistration> = {}): KeyRegistration => ({
  id: id(name),
  type: "ed25519",
  source: { kind: "file", path: file() },
  backend: "preload",
  ...extra,
})

async function codeOf(answer: Promise<{ readonly ok: boolean; readonly code?: string }>): Promise<string> {
  const { code = "ok" } = await answer
  return code
}

test.each(KEY_TYPES)("a preloaded key of type %s is used, and nothing of it is on the disk", async (type) => {
  const made = unwrap(await world.vault.register(preload("a", { type }), call))
  expect(made).toMatchObject({ created: true, entry: { backend: "preload", source: "imported" } })
  expect(unwrap(await world.vault.register(preload("a", { type }), call))).toEqual({ ...made, created: false })
  const uses = [
    await codeOf(world.vault.sign({ id: id("a"), message }, call)),
    await codeOf(world.vault.encrypt({ id: id("a"), plaintext: message }, call)),
    await codeOf(world.vault.agree({ id: id("a"), peer: new Uint8Array(33) }, call)),
  ]
  expect(uses.some((code) => code === "ok" || code === "KEY_PEER_INVALID")).toBe(true)
  for (const table of ["named_key", "key_secret", "key_pending"]) expect(world.keys.prepare(`SELECT * FROM ${table}`).all()).toEqual([])
  // Its uses are accounted for, by its id.
  expect(unwrap(await world.vault.audit({ from: 0, limit: 10 }, call)).map(({ key }) => key)).toEqual(["a", "a", "a", "a", "a"])
})

test("it is gone when the vault was closed, and the same again when it is preloaded again", async () => {
  const { entry } = unwrap(await world.vault.register(preload("a"), call))
  const again = world.reopen()
  expect(await again.find(id("a"), call)).toMatchObject({ code: "KEY_UNKNOWN" })
  expect(unwrap(await again.list({ limit: 10 }, call))).toEqual([])
  expect(unwrap(await again.register(preload("a"), call)).entry).toEqual(entry)
})

test("derived, it is the key that derivation gives", async () => {
  const derived = preload("a", { source: { kind: "derive" } })
  const { entry } = unwrap(await world.vault.register(derived, call))
  const sealed = unwrap(await world.reopen().register({ ...derived, backend: "sealed" }, call))
  expect(sealed.entry.versions[0]?.publicKey).toEqual(entry.versions[0]?.publicKey)
})

test("what would not outlast the process, or would write, is refused", async () => {
  unwrap(await world.vault.register(preload("a"), call))
  const refused = "KEY_BACKEND_UNSUPPORTED"
  const key = id("a")
  expect(await codeOf(world.vault.rotate(key, call))).toBe(refused)
  for (const change of ["enabled", "disabled", "destroyed"] as const)
    expect(await codeOf(world.vault.setState(key, { state: change }, call))).toBe(refused)
  expect(await codeOf(world.vault.derive({ id: key, child: id("b"), type: "p256" }, call))).toBe(refused)
  expect(await codeOf(world.vault.register(preload("b", { source: { kind: "generate" } }), call))).toBe(refused)
  expect(await codeOf(world.vault.register(preload("b", { exportable: true }), call))).toBe(refused)
  expect(await codeOf(world.vault.exportKey({ id: key, recipientKey: new Uint8Array(32) }, call))).toBe("KEY_NOT_EXPORTABLE")
  expect(await codeOf(world.vault.find(id("b"), call))).toBe("KEY_UNKNOWN")
  expect((await world.vault.sign({ id: key, message }, call)).ok).toBe(true)
})

test("an id is in one backend", async () => {
  unwrap(await world.vault.register(preload("a"), call))
  unwrap(await world.vault.register({ ...preload("b"), backend: "sealed" }, call))
  expect(await codeOf(world.vault.register({ ...preload("a"), backend: "sealed" }, call))).toBe("KEY_TYPE_MISMATCH")
  expect(await codeOf(world.vault.register(preload("b"), call))).toBe("KEY_TYPE_MISMATCH")
  expect(await codeOf(world.vault.register({ ...preload("c"), backend: "pkcs11" }, call))).toBe("KEY_BACKEND_UNAVAILABLE")
  const { backend: _, ...any } = preload("a")
  expect(unwrap(await world.vault.register(any, call)).created).toBe(false)
})

test("keys of both backends are listed in the order of their ids, slice by slice, up to as many as there can be", async () => {
  for (let index = 0; index < MAX_PRELOADED_KEYS; index++) unwrap(await world.vault.register(preload(`p${index}`), call))
  expect(await codeOf(world.vault.register(preload("one-more"), call))).toBe("KEYSTORE_REQUEST_INVALID")
  for (const name of ["a", "p1a", "p500a", "z"]) unwrap(await world.vault.register({ ...preload(name), backend: "sealed" }, call))
  const ids: KeyId[] = []
  for (const limit of Array.from({ length: 1_000 }, (_, index) => (index % 7) + 1)) {
    const after = ids.at(-1)
    const slice = unwrap(await world.vault.list({ limit, ...(after === undefined ? {} : { after }) }, call))
    if (slice.length === 0) break
    expect(slice.length).toBeLessThanOrEqual(limit)
    ids.push(...slice.map((entry) => entry.id))
  }
  const expected = [...Array.from({ length: MAX_PRELOADED_KEYS }, (_, index) => `p${index}`), "a", "p1a", "p500a", "z"].toSorted()
  expect(ids).toEqual(expected)
})
