import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto"
import { Secret, unwrap, utf8 } from "@keygrove/base"
import type { HeldKey, NewKey } from "@keygrove/service"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { keyBackendContract } from "../../../service/src/ports/key-backend.contract.ts"
import { CKA, CKK, CKO } from "./constants.ts"
import { Pkcs11Backend } from "./pkcs11-backend.ts"
import { altered, hasToken, keyId, LABEL, makeSoftHsm, PIN, type SoftHsm } from "./soft-hsm.fixture.ts"
import { Token, type TokenSession } from "./token.ts"

const call = { signal: new AbortController().signal }
const message = utf8("message")
const namespace = new Uint8Array(8).fill(9)
const USAGES = {
  ed25519: /Usage: +sign$/m,
  x25519: /Usage: +derive$/m,
  secp256k1: /Usage: +sign, derive$/m,
  p256: /Usage: +sign, derive$/m,
  aes256: /Usage: +encrypt, decrypt/,
}
const random = (length: number): Uint8Array => Uint8Array.from(randomBytes(length))

describe.runIf(hasToken)("keys in SoftHSM", () => {
  const state: { hsm?: SoftHsm; token?: Token } = {}
  const hsm = (): SoftHsm => state.hsm ?? makeSoftHsm()
  const token = (): Token => state.token ?? new Token(hsm().place())
  beforeAll(() => {
    state.hsm = makeSoftHsm()
    state.token = new Token(state.hsm.place())
  })
  afterAll(() => {
    state.token?.[Symbol.dispose]()
    state.hsm?.[Symbol.dispose]()
  })
  const backend = (space: Uint8Array = namespace): Pkcs11Backend => new Pkcs11Backend({ token: token(), namespace: space, random })
  const create = async (id: string, type: NewKey["type"]): Promise<HeldKey> => {
    const key: NewKey = { id: keyId(id), type, version: 1 }
    return { ...key, ...unwrap(await backend().create(key, call)) }
  }

  keyBackendContract("pkcs11", {
    capabilities: { types: ["ed25519", "x25519", "secp256k1", "p256", "aes256"], signatures: ["ed25519", "ecdsa-sha256"], macs: false },
    // Each case has a vault of its own in the one token.
    open: async () => backend(random(8)),
  })

  test.each(["ed25519", "x25519", "secp256k1", "p256", "aes256"] as const)(
    "a key of type %s is sensitive and never extractable, as others see it",
    async (type) => {
      await create(`seen/${type}`, type)
      const seen = hsm().run("pkcs11-tool", ["--module", hsm().module, "--token-label", LABEL, "--login", "--pin", PIN, "--list-objects"])
      const objects = seen.split(/^(?=\S)/m).filter((each) => each.includes(`keygrove seen/${type} 1`))
      const secret = objects.filter((each) => !each.startsWith("Public"))
      expect(secret).toHaveLength(1)
      expect(secret[0]).toMatch(/Access:.*sensitive.*never extractable/)
      // For what its type does, and nothing that SoftHSM would add.
      expect(secret[0]).toMatch(USAGES[type])
      const id = Buffer.concat([namespace, createHash("sha256").update(`seen/${type}:1`).digest().subarray(0, 24)])
      for (const each of objects) expect(each).toContain(id.toString("hex"))
      const read = async ({ cryptoki, handle }: TokenSession): Promise<{ readonly ok: true; readonly value: unknown }> => {
        cryptoki.C_FindObjectsInit(handle, [
          { type: CKA.ID, value: id },
          { type: CKA.CLASS, value: type === "aes256" ? CKO.SECRET_KEY : CKO.PRIVATE_KEY },
        ])
        const [object = Buffer.alloc(8)] = cryptoki.C_FindObjects(handle, 1)
        cryptoki.C_FindObjectsFinal(handle)
        return { ok: true, value: cryptoki.C_GetAttributeValue(handle, object, [{ type: CKA.VALUE }]) }
      }
      expect(await token().run("read a secret", read, call)).toMatchObject({ message: expect.stringContaining("CKR_ATTRIBUTE_SENSITIVE") })
    },
  )

  test("what is encrypted is AES-256-GCM: nonce, ciphertext and tag", async () => {
    // A key that this test knows, in the place of one that the token would make.
    const value = randomBytes(32)
    const id = Buffer.concat([namespace, createHash("sha256").update("known:1").digest().subarray(0, 24)])
    const put = async ({ cryptoki, handle }: TokenSession): Promise<{ readonly ok: true; readonly value: true }> => {
      cryptoki.C_CreateObject(handle, [
        { type: CKA.CLASS, value: CKO.SECRET_KEY },
        { type: CKA.KEY_TYPE, value: CKK.AES },
        { type: CKA.TOKEN, value: true },
        { type: CKA.VALUE, value },
        { type: CKA.ID, value: id },
        { type: CKA.ENCRYPT, value: true },
        { type: CKA.DECRYPT, value: true },
        { type: CKA.SENSITIVE, value: true },
        { type: CKA.EXTRACTABLE, value: false },
      ])
      return { ok: true, value: true }
    }
    unwrap(await token().run("put a key", put, call))
    const key: HeldKey = { id: keyId("known"), type: "aes256", version: 1, publicKey: new Uint8Array(0), handle: new Uint8Array(0) }
    const associatedData = utf8("bound")
    const ours = unwrap(await backend().encrypt(key, { bytes: message, associatedData }, call))
    const decipher = createDecipheriv("aes-256-gcm", value, ours.subarray(0, 12)).setAAD(associatedData).setAuthTag(ours.subarray(-16))
    expect(Buffer.concat([decipher.update(ours.subarray(12, -16)), decipher.final()])).toEqual(Buffer.from(message))
    const iv = randomBytes(12)
    const cipher = createCipheriv("aes-256-gcm", value, iv).setAAD(associatedData)
    const theirs = Buffer.concat([iv, cipher.update(message), cipher.final(), cipher.getAuthTag()])
    expect(unwrap(await backend().decrypt(key, { bytes: Uint8Array.from(theirs), associatedData }, call))).toEqual(message)
  })

  test("an empty message is signed and encrypted like any other", async () => {
    const [signer, cipher] = [await create("empty/signer", "ed25519"), await create("empty/cipher", "aes256")]
    const nothing = new Uint8Array(0)
    expect(unwrap(await backend().sign(signer, { message: nothing, algorithm: "ed25519" }, call))).toHaveLength(64)
    const body = unwrap(await backend().encrypt(cipher, { bytes: nothing, associatedData: nothing }, call))
    expect(unwrap(await backend().decrypt(cipher, { bytes: body, associatedData: nothing }, call))).toEqual(nothing)
  })

  test("vaults that share a token do not see each other's keys", async () => {
    const key = await create("shared", "ed25519")
    const other = backend(new Uint8Array(8).fill(1))
    const order = { message, algorithm: "ed25519" } as const
    expect(await other.sign(key, order, call)).toMatchObject({ code: "PKCS11_KEY_MISSING" })
    unwrap(await other.destroy(key, call))
    expect((await backend().sign(key, order, call)).ok).toBe(true)
    expect(unwrap(await other.create({ id: key.id, type: "ed25519", version: 1 }, call)).publicKey).not.toEqual(key.publicKey)
  })

  test("a key that left the token, or that another took the place of, is said to be missing", async () => {
    const [gone, replaced] = [await create("gone", "p256"), await create("replaced", "p256")]
    const order = { message, algorithm: "ecdsa-sha256" } as const
    unwrap(await backend().destroy(gone, call))
    expect(await backend().sign(gone, order, call)).toMatchObject({ code: "PKCS11_KEY_MISSING" })
    unwrap(await backend().destroy(replaced, call))
    await create("replaced", "p256")
    expect(await backend().sign(replaced, order, call)).toMatchObject({ code: "PKCS11_KEY_MISSING" })
  })

  test("an object of another kind in a key's place is neither used nor replaced", async () => {
    const key = await create("taken", "p256")
    for (const type of ["secp256k1", "ed25519", "aes256"] as const)
      expect(await backend().create({ id: key.id, type, version: 1 }, call)).toMatchObject({ code: "PKCS11_FAILED" })
    expect((await backend().sign(key, { message, algorithm: "ecdsa-sha256" }, call)).ok).toBe(true)
  })

  test("a token that lacks a mechanism is said to, and nothing is made", async () => {
    using poor = new Token(hsm().place({ load: altered(hsm().module, { C_GetMechanismList: () => () => [] }) }))
    const made = new Pkcs11Backend({ token: poor, namespace, random }).create({ id: keyId("poor"), type: "ed25519", version: 1 }, call)
    expect(await made).toMatchObject({
      code: "KEY_BACKEND_UNSUPPORTED",
      message: expect.stringContaining("CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA"),
    })
  })

  test("a key whose maker was left is made once all the same", async () => {
    const order: NewKey = { id: keyId("left"), type: "p256", version: 1 }
    // One backend, as in a keystore: it knows what is under way.
    const one = backend()
    const leaving = new AbortController()
    const left = one.create(order, leaving)
    const stays = [one.create(order, call), one.create(order, call)]
    leaving.abort(new Error("enough"))
    await expect(left).rejects.toThrow("enough")
    const made = (await Promise.all(stays)).map((each) => unwrap(each).publicKey)
    expect(made[0]).toEqual(made[1])
    const key: HeldKey = { ...order, publicKey: made[0] ?? new Uint8Array(0), handle: new Uint8Array(0) }
    expect(await one.check(key, call)).toMatchObject({ ok: true })
    const seen = hsm().run("pkcs11-tool", ["--module", hsm().module, "--token-label", LABEL, "--login", "--pin", PIN, "--list-objects"])
    expect(seen.match(/label: +keygrove left 1$/gm)).toHaveLength(2)
    unwrap(await one.destroy(key, call))
  })

  test("a secret that was agreed on is wiped by its owner and nowhere else", async () => {
    const [one, two] = [await create("agree/1", "x25519"), await create("agree/2", "x25519")]
    using mine = unwrap(await backend().agree(one, two.publicKey, call))
    using theirs = unwrap(await backend().agree(two, one.publicKey, call))
    expect(mine).toBeInstanceOf(Secret)
    expect(mine.equals(theirs)).toBe(true)
  })
})
