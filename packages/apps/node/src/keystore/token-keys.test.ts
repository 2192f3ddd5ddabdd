import { randomBytes } from "node:crypto"
import { DatabaseSync } from "node:sqlite"
import { refuse, unwrap, utf8 } from "@keygrove/base"
import { Pkcs11Backend, Token } from "@keygrove/pkcs11"
import type { KeyId } from "@keygrove/keys"
import type { KeyBackend, KeyRegistration } from "@keygrove/service"
import { VAULT_MIGRATIONS } from "@keygrove/vault"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { hasToken, keyId, makeSoftHsm, type SoftHsm } from "../../../../adapters/pkcs11/src/soft-hsm.fixture.ts"
import { openTestVault, type TestVault } from "../../../../adapters/vault/src/vault-kit.contract.ts"

const call = { caller: "node", signal: new AbortController().signal }
const message = utf8("message")
const inToken = (id: string, type: KeyRegistration["type"] = "ed25519"): KeyRegistration => ({
  id: keyId(id),
  type,
  source: { kind: "generate" },
  backend: "pkcs11",
})

describe.runIf(hasToken)("named keys in a token", () => {
  const shared: { hsm?: SoftHsm; token?: Token } = {}
  beforeAll(() => {
    shared.hsm = makeSoftHsm()
    shared.token = new Token(shared.hsm.place())
  })
  afterAll(() => {
    shared.token?.[Symbol.dispose]()
    shared.hsm?.[Symbol.dispose]()
  })

  let world: TestVault
  /** The backend of the vault, some of whose methods a case replaces. */
  let backend: KeyBackend
  let replaced: Partial<KeyBackend> = {}
  beforeEach(() => {
    const token = shared.token ?? expect.unreachable("made before")
    backend = new Pkcs11Backend({
      token,
      namespace: Uint8Array.from(randomBytes(8)),
      random: (length) => Uint8Array.from(randomBytes(length)),
    })
    replaced = {}
    const seen = new Proxy(backend, { get: (target, name) => Reflect.get(name in replaced ? replaced : target, name) as unknown })
    world = openTestVault(undefined, [seen])
  })
  afterEach(() => world[Symbol.dispose]())

  const held = async (id: KeyId, version = 1): Promise<boolean> => {
    const entry = await world.vault.find(id, call)
    const publicKey = entry.ok ? entry.value.versions[version - 1]?.publicKey : undefined
    const key = { id, type: "ed25519", version, publicKey: publicKey ?? new Uint8Array(32), handle: new Uint8Array(0) } as const
    const signed = await backend.sign(key, { message, algorithm: "ed25519" }, call)
    // Another one in its place is one too.
    return signed.ok || signed.message.includes("has another key")
  }
  const pending = (): readonly unknown[] => world.keys.prepare("SELECT id, version FROM key_pending").all()

  test.each(["ed25519", "p256", "secp256k1"] as const)(
    "sign with %s, rotate, and verify what older versions signed, after a restart too",
    async (type) => {
      const { entry } = unwrap(await world.vault.register(inToken("signer", type), call))
      expect(entry).toMatchObject({ backend: "pkcs11", source: "generated", exportable: false })
      const old = unwrap(await world.vault.sign({ id: entry.id, message }, call))
      unwrap(await world.vault.rotate(entry.id, call))
      const vault = world.reopen()
      const fresh = unwrap(await vault.sign({ id: entry.id, message }, call))
      expect([old.version, fresh.version]).toEqual([1, 2])
      for (const { signature, version } of [old, fresh])
        expect(unwrap(await vault.verify({ id: entry.id, message, signature }, call)).version).toBe(version)
      expect(pending()).toEqual([])
    },
  )

  test.each(["aes256", "x25519"] as const)("encrypt with %s, and decrypt what older versions encrypted", async (type) => {
    const { id } = unwrap(await world.vault.register(inToken("cipher", type), call)).entry
    const order = { id, context: utf8("context") }
    const ciphertext = unwrap(await world.vault.encrypt({ ...order, plaintext: message }, call))
    unwrap(await world.vault.rotate(id, call))
    expect(unwrap(await world.vault.decrypt({ ...order, ciphertext }, call))).toEqual(message)
    for (const at of [0, 4, 5, 20, ciphertext.length - 1])
      expect((await world.vault.decrypt({ ...order, ciphertext: ciphertext.with(at, (ciphertext[at] ?? 0) ^ 1) }, call)).ok).toBe(false)
    expect(await world.vault.decrypt({ id, ciphertext }, call)).toMatchObject({ code: "KEY_CIPHERTEXT_INVALID" })
  })

  test("are made once, registered many times at once", async () => {
    const made = await Promise.all(Array.from({ length: 10 }, async () => unwrap(await world.vault.register(inToken("race"), call))))
    expect(made.filter(({ created }) => created)).toHaveLength(1)
    expect(new Set(made.map(({ entry }) => Buffer.from(entry.versions[0]?.publicKey ?? []).toString("hex"))).size).toBe(1)
  })

  test("are made in the token and stay there", async () => {
    const { id } = unwrap(await world.vault.register(inToken("stays"), call)).entry
    const refused = { code: "KEY_BACKEND_UNSUPPORTED" }
    for (const source of [{ kind: "derive" }, { kind: "file", path: "/nowhere" }, { kind: "import", sealed: new Uint8Array(80) }] as const)
      expect(await world.vault.register({ ...inToken("brought"), source }, call)).toMatchObject(refused)
    expect(await world.vault.register({ ...inToken("brought"), exportable: true }, call)).toMatchObject(refused)
    expect(await world.vault.register(inToken("brought", "bls12-381"), call)).toMatchObject(refused)
    expect(await world.vault.derive({ id, child: keyId("child"), type: "p256" }, call)).toMatchObject(refused)
    expect(await world.vault.exportKey({ id, recipientKey: new Uint8Array(32) }, call)).toMatchObject({ code: "KEY_NOT_EXPORTABLE" })
    const { id: symmetric } = unwrap(await world.vault.register(inToken("symmetric", "aes256"), call)).entry
    expect(await world.vault.mac({ id: symmetric, message }, call)).toMatchObject(refused)
    expect(await world.vault.find(keyId("brought"), call)).toMatchObject({ code: "KEY_UNKNOWN" })
    expect(pending()).toEqual([])
  })

  test("that the token lost are not said to exist, unless nobody may use them", async () => {
    const { id } = unwrap(await world.vault.register(inToken("missing"), call)).entry
    unwrap(await backend.destroy({ id, version: 1 }, call))
    expect(await world.vault.register(inToken("missing"), call)).toMatchObject({ code: "PKCS11_KEY_MISSING" })
    expect(await world.vault.sign({ id, message }, call)).toMatchObject({ code: "PKCS11_KEY_MISSING" })
    unwrap(await world.vault.setState(id, { state: "disabled" }, call))
    expect(unwrap(await world.vault.register(inToken("missing"), call)).created).toBe(false)
    unwrap(await world.vault.setState(id, { state: "destroyed" }, call))
    expect(pending()).toEqual([])
  })

  test("are gone from the token when they are destroyed", async () => {
    const { id } = unwrap(await world.vault.register(inToken("gone"), call)).entry
    unwrap(await world.vault.rotate(id, call))
    unwrap(await world.vault.setState(id, { state: "destroyed", version: 1 }, call))
    expect([await held(id, 1), await held(id, 2)]).toEqual([false, true])
    unwrap(await world.vault.setState(id, { state: "destroyed" }, call))
    expect(await held(id, 2)).toBe(false)
    expect(pending()).toEqual([])
  })

  test("destroyed while the token is away, are never used again, and leave it when it is back", async () => {
    const { id } = unwrap(await world.vault.register(inToken("away"), call)).entry
    const absent = refuse("PKCS11_TOKEN_ABSENT", "the token is not there")
    replaced = { destroy: async () => absent }
    const destroyed = await world.vault.setState(id, { state: "destroyed" }, call)
    expect(destroyed).toMatchObject({ code: "PKCS11_TOKEN_ABSENT", message: expect.stringContaining("removed later") })
    expect(await world.vault.sign({ id, message }, call)).toMatchObject({ code: "KEY_DESTROYED" })
    expect(await world.reopen().settle(call)).toMatchObject({ code: "PKCS11_TOKEN_ABSENT" })
    expect(pending()).toHaveLength(1)
    replaced = {}
    expect(await world.reopen().settle(call)).toMatchObject({ ok: true })
    expect([await held(id), pending()]).toEqual([false, []])
  })

  test("made just before a crash, are found and removed, for nobody ever used them", async () => {
    const [made, ended] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
    replaced = {
      create: async (key, options) => {
        const answer = await backend.create(key, options)
        made.resolve(undefined)
        await ended.promise
        return answer
      },
    }
    const registering = world.vault.register(inToken("orphan"), call)
    await made.promise
    world.vault[Symbol.dispose]()
    ended.resolve(undefined)
    expect(await registering).toMatchObject({ code: "KEYSTORE_LOCKED" })
    expect([await held(keyId("orphan")), pending()]).toEqual([true, [{ id: "orphan", version: 1 }]])
    replaced = {}
    expect(await world.reopen().settle(call)).toMatchObject({ ok: true })
    expect([await held(keyId("orphan")), pending()]).toEqual([false, []])
    expect(unwrap(await world.vault.register(inToken("orphan"), call)).created).toBe(true)
  })

  test("made without an answer, are adopted when they are asked for again", async () => {
    const state: { key?: Uint8Array } = {}
    replaced = {
      create: async (key, options) => {
        state.key = unwrap(await backend.create(key, options)).publicKey
        return refuse("PKCS11_FAILED", "the line went dead")
      },
    }
    expect(await world.vault.register(inToken("lost"), call)).toMatchObject({ code: "PKCS11_FAILED" })
    replaced = {}
    const { entry } = unwrap(await world.vault.register(inToken("lost"), call))
    expect(entry.versions[0]?.publicKey).toEqual(state.key)
    expect(pending()).toEqual([])
    expect(await world.reopen().settle(call)).toMatchObject({ ok: true })
    expect(await held(entry.id)).toBe(true)
  })

  test("whose records were lost are found by a keystore of the same node, and never removed for it", async () => {
    const { entry } = unwrap(await world.vault.register(inToken("kept"), call))
    const empty = new DatabaseSync(":memory:")
    for (const sql of VAULT_MIGRATIONS) empty.exec(sql)
    const vault = world.reopen({ keys: empty })
    expect(await vault.settle(call)).toMatchObject({ ok: true })
    const again = unwrap(await vault.register(inToken("kept"), call))
    expect(again.created).toBe(true)
    expect(again.entry.versions[0]?.publicKey).toEqual(entry.versions[0]?.publicKey)
  })

  test("slow ones stall nobody else's, and their own changes wait for each other", async () => {
    const gate = Promise.withResolvers<undefined>()
    const begun: string[] = []
    replaced = {
      create: async (key, options) => {
        begun.push(key.id)
        if (key.id === "slow") await gate.promise
        return await backend.create(key, options)
      },
    }
    const slow = [world.vault.register(inToken("slow"), call), world.vault.register(inToken("slow"), call)]
    unwrap(await world.vault.register(inToken("quick"), call))
    unwrap(await world.vault.register({ ...inToken("sealed"), backend: "sealed" }, call))
    expect((await world.vault.sign({ id: keyId("sealed"), message }, call)).ok).toBe(true)
    expect((await world.vault.sign({ id: keyId("quick"), message }, call)).ok).toBe(true)
    expect(begun).toEqual(["slow", "quick"])
    gate.resolve(undefined)
    expect((await Promise.all(slow)).map((each) => unwrap(each).created)).toEqual([true, false])
  })
})
