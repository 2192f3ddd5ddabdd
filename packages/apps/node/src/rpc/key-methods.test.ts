import { generateKeyPairSync, randomBytes } from "node:crypto"
import { decodeMethodParams, type ApiParams } from "@keygrove/api"
import { KeygroveError, Secret, unwrap, utf8, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import type { KeyCall } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { openTestVault, type TestVault } from "../../../../adapters/vault/src/vault-kit.contract.ts"
import { keyHandlers, type KeyMethodContext } from "./key-methods.ts"

type Method = keyof typeof keyHandlers
type Answer = Readonly<Record<string, unknown>>

const sealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })
const signal = new AbortController().signal
const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString("base64")
const message = base64("message")

let world: TestVault
beforeEach(() => {
  world = openTestVault()
})
afterEach(() => world[Symbol.dispose]())

/** As the daemon does: decodes the parameters, then asks the vault. */
async function call<M extends Method>(method: M, params: unknown): Promise<Result<unknown>> {
  const decoded = decodeMethodParams(method, params)
  if (!decoded.ok) return decoded
  const handler: (context: KeyMethodContext, params: ApiParams[M], call: KeyCall) => Promise<Result<unknown>> = keyHandlers[method]
  return await handler({ runtime: { keystore: { keys: world.vault } } }, decoded.value, { caller: "uid:1000", signal })
}

async function answer(method: Method, params: unknown): Promise<Answer> {
  const value = unwrap(await call(method, params))
  return JSON.parse(JSON.stringify(value))
}

describe("named keys over JSON-RPC", () => {
  test("are added once and told without a secret", async () => {
    const rules = { allow: [{ caller: "*", operations: ["sign"] }], perMinute: 10 }
    const added = await answer("key.add", { id: "web/tls", type: "ed25519", rules })
    expect(added).toEqual({
      id: "web/tls",
      type: "ed25519",
      state: "enabled",
      backend: "sealed",
      source: "generated",
      exportable: false,
      rules,
      versions: [
        {
          version: 1,
          state: "enabled",
          createdAt: world.clock.now,
          publicKey: expect.stringMatching(/^[\w+/]{43}=$/),
          fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
        },
      ],
      created: true,
    })
    expect(await answer("key.add", { id: "web/tls", type: "ed25519" })).toEqual({ ...added, created: false })
    expect(await call("key.add", { id: "web/tls", type: "p256" })).toMatchObject({ code: "KEY_TYPE_MISMATCH" })
    const [version] = added["versions"] as readonly Answer[]
    expect(await answer("key.public", { id: "web/tls" })).toEqual({ id: "web/tls", type: "ed25519", ...version })
    expect(await call("key.public", { id: "web/tls", version: 2 })).toMatchObject({ code: "KEY_VERSION_UNKNOWN" })
  })

  test("have rules that can be seen and changed", async () => {
    await answer("key.add", { id: "k", type: "ed25519", rules: { allow: [] } })
    expect(await call("key.sign", { id: "k", message })).toMatchObject({ code: "KEY_NOT_ALLOWED" })
    const rules = { allow: [{ caller: "*", operations: ["sign"] }], perMinute: 3 }
    expect(await answer("key.setRules", { id: "k", rules })).toMatchObject({ id: "k", rules })
    expect(await answer("key.sign", { id: "k", message })).toMatchObject({ version: 1 })
    expect(await answer("key.show", { id: "k" })).toMatchObject({ rules })
    expect(await call("key.setRules", { id: "k", rules: { allow: "all" } })).toMatchObject({ code: "RPC_PARAMS_INVALID" })
    expect(await answer("key.setRules", { id: "k", rules: {} })).toMatchObject({ rules: {} })
  })

  test("are used by operators", async () => {
    await answer("key.add", { id: "ops/k", type: "ed25519" })
    const { operators } = await answer("key.operators", {})
    expect(operators).toContainEqual({
      name: "sum",
      types: ["aes256", "ed25519"],
      keys: ["ops/*"],
      output: { kind: "integer", max: 999 },
      perMinute: 10,
    })
    const { value } = await answer("key.operate", { id: "ops/k", operator: "sum", input: message })
    expect(value).toBeTypeOf("number")
    expect(await answer("key.operate", { id: "ops/k", operator: "secret" })).toEqual({ digest: expect.stringMatching(/^[\w+/]{43}=$/) })
    expect(await call("key.operate", { id: "ops/k", operator: "SUM" })).toMatchObject({ code: "OPERATOR_UNKNOWN" })
    expect(await answer("audit.list", { from: 1, limit: 1 })).toMatchObject({
      events: [{ action: "operate", operator: "sum", outcome: "ok" }],
    })
  })

  test("are listed page by page", async () => {
    for (const id of ["a", "b", "c"]) await answer("key.add", { id, type: "aes256" })
    const first = await answer("key.list", { limit: 2 })
    expect(first).toMatchObject({ keys: [{ id: "a", versions: [{ publicKey: null, fingerprint: null }] }, { id: "b" }], next: "b" })
    expect(await answer("key.list", { after: "b" })).toMatchObject({ keys: [{ id: "c" }], next: "c" })
    expect(await answer("key.list", { after: "c" })).toEqual({ keys: [], next: null })
  })

  test("sign, verify, rotate, and are disabled, enabled and destroyed", async () => {
    await answer("key.add", { id: "k", type: "secp256k1" })
    const made = await answer("key.sign", { id: "k", message, algorithm: "bip340" })
    expect(made).toMatchObject({ algorithm: "bip340", version: 1 })
    const { signature } = made
    expect(await answer("key.rotate", { id: "k" })).toMatchObject({ versions: [{ version: 1 }, { version: 2 }] })
    const valid = { id: "k", message, signature, algorithm: "bip340" }
    expect(await answer("key.verify", valid)).toEqual({ valid: true, version: 1 })
    expect(await answer("key.verify", { ...valid, message: "" })).toEqual({ valid: false, version: null })
    expect(await answer("key.disable", { id: "k", version: 1 })).toMatchObject({ state: "enabled", versions: [{ state: "disabled" }, {}] })
    expect(await answer("key.verify", valid)).toEqual({ valid: false, version: null })
    expect(await answer("key.disable", { id: "k" })).toMatchObject({ state: "disabled" })
    expect(await call("key.sign", { id: "k", message })).toMatchObject({ code: "KEY_DISABLED" })
    expect(await answer("key.enable", { id: "k" })).toMatchObject({ state: "enabled" })
    expect(await answer("key.destroy", { id: "k" })).toMatchObject({ state: "destroyed" })
    expect(await call("key.sign", { id: "k", message })).toMatchObject({ code: "KEY_DESTROYED" })
  })

  test.each(["aes256", "x25519"])("encrypt and decrypt with %s, up to 256 KiB", async (type) => {
    await answer("key.add", { id: "k", type })
    for (const length of [1, 262_144]) {
      const plaintext = base64(randomBytes(length))
      const { ciphertext } = await answer("key.encrypt", { id: "k", plaintext, context: message })
      expect(await answer("key.decrypt", { id: "k", ciphertext, context: message })).toEqual({ plaintext })
      expect(await call("key.decrypt", { id: "k", ciphertext })).toMatchObject({ code: "KEY_CIPHERTEXT_INVALID" })
    }
  })

  test("agree, mac and derive", async () => {
    for (const id of ["one", "two"]) await answer("key.add", { id, type: "x25519" })
    const [one, two] = [await answer("key.public", { id: "one" }), await answer("key.public", { id: "two" })]
    const shared = await answer("key.agree", { id: "one", peer: two["publicKey"] })
    expect(await answer("key.agree", { id: "two", peer: one["publicKey"] })).toEqual(shared)
    await answer("key.add", { id: "m", type: "aes256" })
    expect(await answer("key.mac", { id: "m", message })).toEqual({ mac: expect.stringMatching(/^[\w+/]{43}=$/) })
    expect(await answer("key.derive", { id: "m", child: "m/1", type: "p256" })).toMatchObject({ id: "m/1", type: "p256" })
  })

  test("come in sealed and leave sealed", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519")
    const pem = Buffer.from(privateKey.export({ format: "pem", type: "pkcs8" }))
    const sealed = base64(unwrap(await sealing.seal(world.importKey, pem, { info: utf8("keygrove/v1/key-import") })))
    await answer("key.add", { id: "k", type: "ed25519", from: "import", sealed, exportable: true })
    const { x } = publicKey.export({ format: "jwk" })
    expect(await answer("key.public", { id: "k" })).toMatchObject({ publicKey: base64(Buffer.from(x ?? "", "base64url")) })
    const pair = await sealing.generateKeyPair()
    const exported = await answer("key.export", { id: "k", recipientKey: base64(pair.publicKey) })
    const info = utf8("keygrove/v1/key-export")
    using secret = unwrap(await sealing.open(pair.secretKey, Buffer.from(String(exported["sealed"]), "base64"), { info }))
    using seed = Secret.take(Buffer.from(privateKey.export({ format: "jwk" }).d ?? "", "base64url"))
    expect(secret.equals(seed)).toBe(true)
    await answer("key.add", { id: "stays", type: "ed25519" })
    expect(await call("key.export", { id: "stays", recipientKey: base64(pair.publicKey) })).toMatchObject({ code: "KEY_NOT_EXPORTABLE" })
  })

  test("are used by whoever asks, and every use is in the audit trail", async () => {
    await answer("key.add", { id: "k", type: "ed25519", rules: { allow: [{ caller: "uid:4294967294", operations: ["sign"] }] } })
    expect(await call("key.sign", { id: "k", message })).toMatchObject({ code: "KEY_NOT_ALLOWED" })
    const event = { at: world.clock.now, caller: "uid:1000", key: "k" }
    expect(await answer("audit.list", { from: 0, limit: 10 })).toEqual({
      events: [
        { index: 0, action: "register", outcome: "ok", ...event },
        { index: 1, action: "sign", outcome: "KEY_NOT_ALLOWED", ...event },
      ],
    })
    expect(await answer("audit.verify", {})).toEqual({ length: 2, head: expect.stringMatching(/^[0-9a-f]{64}$/) })
  })

  test.each<[string, Method, object, string]>([
    ["another id", "key.add", { id: "../etc", type: "ed25519" }, "KEY_ID_INVALID"],
    ["another type", "key.add", { id: "k", type: "rsa" }, "KEY_TYPE_UNKNOWN"],
    ["another source", "key.add", { id: "k", type: "ed25519", from: "env" }, "from"],
    ["an import of nothing", "key.add", { id: "k", type: "ed25519", from: "import" }, "sealed"],
    ["a sealed secret for nothing", "key.add", { id: "k", type: "ed25519", sealed: base64(randomBytes(80)) }, "sealed"],
    ["a relative path", "key.add", { id: "k", type: "ed25519", from: "file", path: "key.pem" }, "path"],
    ["a path for nothing", "key.add", { id: "k", type: "ed25519", path: "/key.pem" }, "path"],
    ["rules that are a list", "key.add", { id: "k", type: "ed25519", rules: [] }, "rules"],
    ["a rule of nobody", "key.add", { id: "k", type: "ed25519", rules: { allow: [{ caller: "me", operations: [] }] } }, "rules"],
    ["an unknown rule", "key.add", { id: "k", type: "ed25519", rules: { perHour: 1 } }, "rules"],
    ["an exportable that is text", "key.add", { id: "k", type: "ed25519", exportable: "true" }, "exportable"],
    ["a message that is hex", "key.sign", { id: "k", message: "0a0" }, "message"],
    ["a message over the limit", "key.sign", { id: "k", message: base64(new Uint8Array(262_145)) }, "message"],
    ["an algorithm that is none", "key.sign", { id: "k", message, algorithm: "rsa-pss" }, "algorithm"],
    ["a signature without padding", "key.verify", { id: "k", message, signature: "AAA" }, "signature"],
    ["a context over the limit", "key.encrypt", { id: "k", plaintext: message, context: base64(new Uint8Array(4_097)) }, "context"],
    ["a version 0", "key.public", { id: "k", version: 0 }, "version"],
    ["a short recipient", "key.export", { id: "k", recipientKey: base64(new Uint8Array(31)) }, "recipientKey"],
    ["a page that is too long", "key.list", { limit: 501 }, "limit"],
    ["a page after no id", "key.list", { after: "A" }, "KEY_ID_INVALID"],
    ["a key that is not there", "key.sign", { id: "nothing", message }, "KEY_UNKNOWN"],
    ["a child with no id", "key.derive", { id: "k", child: "", type: "aes256" }, "KEY_ID_INVALID"],
  ])("refuse %s", async (_what, method, params, expected) => {
    const refused = await call(method, params)
    const isCode = /^[A-Z_]+$/.test(expected)
    expect(refused).toMatchObject(
      isCode ? { code: expected } : { code: "RPC_PARAMS_INVALID", message: expect.stringContaining(`"${expected}"`) },
    )
  })
})

describe("garbage", () => {
  const methods = Object.keys(keyHandlers) as readonly Method[]
  const nearly = fc.oneof(
    fc.constantFrom<unknown>("k", "ed25519", "aes256", "import", "file", "generate", "/nowhere", message, base64(randomBytes(80)), 1, true),
    fc.base64String({ maxLength: 200 }),
    fc.jsonValue(),
    fc.record({ allow: fc.array(fc.jsonValue()), perMinute: fc.integer(), confirm: fc.boolean() }, { requiredKeys: [] }),
  )
  const names = ["id", "type", "from", "sealed", "path", "rules", "message", "signature", "algorithm", "plaintext", "ciphertext", "context"]
  const params = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(
      fc.constantFrom(...names, "version", "peer", "child", "recipientKey", "after", "limit", "from", "exportable", "__proto__"),
      nearly,
    ),
  )

  test("never throws, and is refused in one line with a code", async () => {
    await answer("key.add", { id: "k", type: "ed25519" })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...methods), params, async (method, given) => {
        const result = await call(method, given)
        if (result.ok) return
        expect(result.code).toMatch(/^[A-Z][A-Z0-9_]+$/)
        expect(result.message).not.toContain("\n")
      }),
      { numRuns: 3_000 },
    )
    expect(await answer("audit.verify", {})).toHaveProperty("head")
  })

  test("a fault of the vault reaches the caller as it is, for the server to log", async () => {
    world.keys.close()
    await expect(call("key.sign", { id: "unseen", message })).rejects.not.toBeInstanceOf(KeygroveError)
  })
})
