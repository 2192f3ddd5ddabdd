import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { apiMethods } from "@keygrove/api"
import { KeygroveError, Secret } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import fc from "fast-check"
import { Keygrove } from "keygrove"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { entry } from "../bundle.ts"
import { missingTerminal, onTerminal } from "../terminal/terminal-session.ts"
import { makeHome, makeStage, startNodeProcess, type NodeProcess, type TestHome } from "./node-process.ts"

const stack = new AsyncDisposableStack()
let home: TestHome
let node: NodeProcess
let grove: Keygrove

beforeAll(async () => {
  const stage = stack.use(await makeStage())
  home = await makeHome(stage.directory, "laptop")
  node = stack.use(await startNodeProcess(home))
  grove = stack.use(await Keygrove.connect({ home: home.directory }))
})

afterAll(async () => await stack.disposeAsync())

const message = new TextEncoder().encode("message")

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "done",
    (error: unknown) => (error instanceof KeygroveError ? error.code : "thrown"),
  )
}

describe("named keys of a program", () => {
  test.each(["ed25519", "secp256k1", "p256", "bls12-381"] as const)("sign and verify with %s, and rotate", async (type) => {
    const id = `sign/${type}`
    const { created, key } = await grove.keys.add({ id, type })
    expect([created, key.type, key.state, key.versions.length]).toEqual([true, type, "enabled", 1])
    expect(await grove.keys.add({ id, type })).toEqual({ created: false, key })
    const made = await grove.keys.sign(id, message)
    expect(made.version).toBe(1)
    expect((await grove.keys.rotate(id)).versions).toHaveLength(2)
    expect(await grove.keys.verify(id, message, made.signature)).toBe(1)
    expect(await grove.keys.verify(id, new Uint8Array(0), made.signature)).toBeUndefined()
    expect((await grove.keys.disable(id, { version: 1 })).versions[0]?.state).toBe("disabled")
    expect(await grove.keys.verify(id, message, made.signature)).toBeUndefined()
    const signed = await grove.keys.public(id, { version: 2 })
    const again = await grove.keys.sign(id, message)
    if (type === "ed25519") expect(nativePrimitives.ed25519.verify(signed.publicKey ?? message, message, again.signature)).toBe(true)
    expect(await codeOf(grove.keys.encrypt(id, message))).toBe("KEY_OPERATION_UNSUPPORTED")
  })

  test.each(["aes256", "x25519"] as const)("encrypt with %s, up to 256 KiB and under a context", async (type) => {
    const id = `seal/${type}`
    await grove.keys.add({ id, type })
    const plaintext = new Uint8Array(randomBytes(262_144))
    const ciphertext = await grove.keys.encrypt(id, plaintext, { context: message })
    expect(await grove.keys.decrypt(id, ciphertext, { context: message })).toEqual(plaintext)
    expect(await codeOf(grove.keys.decrypt(id, ciphertext))).toBe("KEY_CIPHERTEXT_INVALID")
    expect(await codeOf(grove.keys.encrypt(id, new Uint8Array(262_145)))).toBe("RPC_PARAMS_INVALID")
  })

  test("agree, mac and derive", async () => {
    await grove.keys.add({ id: "one", type: "x25519" })
    const two = await grove.keys.derive({ id: "one", child: "one/two", type: "x25519" })
    const [mine, theirs] = [(await grove.keys.public("one")).publicKey, two.versions[0]?.publicKey]
    expect(await grove.keys.agree("one", theirs ?? message)).toEqual(await grove.keys.agree("one/two", mine ?? message))
    await grove.keys.add({ id: "mac", type: "aes256" })
    expect(await grove.keys.mac("mac", message)).toHaveLength(32)
    expect((await grove.keys.public("mac")).publicKey).toBeUndefined()
  })

  test("come from a secret and a file, and leave when they may", async () => {
    const seed = randomBytes(32)
    using secret = Secret.take(Uint8Array.from(Buffer.from(seed.toString("hex"))))
    const { key } = await grove.keys.add({ id: "given", type: "ed25519", from: { secret }, exportable: true })
    expect([secret.live, key.source, key.exportable]).toEqual([true, "imported", true])
    using exported = await grove.keys.export("given")
    expect(exported.expose((bytes) => Buffer.from(bytes).equals(seed))).toBe(true)
    writeFileSync(home.file("seed"), seed, { mode: 0o600 })
    const read = await grove.keys.add({ id: "read", type: "ed25519", from: { file: home.file("seed") } })
    expect(read.key.versions[0]?.fingerprint).toBe(key.versions[0]?.fingerprint)
    expect(await codeOf(grove.keys.export("read"))).toBe("KEY_NOT_EXPORTABLE")
  })

  test("are listed, destroyed, and told of in the audit trail", async () => {
    const ids = (await Array.fromAsync(grove.keys.list())).map(({ id }) => id)
    expect(ids).toEqual(ids.toSorted())
    expect(ids).toContain("one/two")
    expect((await grove.keys.destroy("mac")).state).toBe("destroyed")
    expect(await codeOf(grove.keys.mac("mac", message))).toBe("KEY_DESTROYED")
    const uses = (await Array.fromAsync(grove.keys.audit())).filter(({ key }) => key === "mac")
    expect(uses.map(({ action, outcome }) => [action, outcome])).toEqual([
      ["register", "ok"],
      ["mac", "ok"],
      ["destroy", "ok"],
      ["mac", "KEY_DESTROYED"],
    ])
    expect(await Array.fromAsync(grove.keys.audit({ from: uses[0]?.index ?? 0 }))).toContainEqual(uses[3])
    const trail = await Array.fromAsync(grove.keys.audit())
    expect((await grove.keys.verifyAudit()).length).toBe(trail.length)
  })

  test("end with the signal's reason", async () => {
    const reason = new Error("enough")
    await expect(grove.keys.sign("one", message, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

test("garbage for the methods about keys is refused with a code, and the node serves on", async () => {
  const methods = Object.keys(apiMethods).filter((name) => /^(?:key|audit)\./.test(name))
  const names = [
    ...new Set(Object.entries(apiMethods).flatMap(([name, { params }]) => (methods.includes(name) ? Object.keys(params) : []))),
  ]
  const value = fc.oneof(
    fc.jsonValue(),
    fc.base64String({ maxLength: 100 }),
    fc.constantFrom<unknown>(
      "sign/ed25519",
      "seal/aes256",
      "ed25519",
      "import",
      "file",
      1,
      2,
      true,
      "/dev/zero",
      "/proc/self/mem",
      home.directory,
    ),
  )
  const codes = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...methods), fc.dictionary(fc.constantFrom(...names), value), async (method, params) => {
      const answer = await node.call(method, params)
      codes.add(answer.ok ? "ok" : answer.code)
      if (!answer.ok) expect(answer.code).not.toMatch(/^(?:RPC_INTERNAL|NODE_|KEYSTORE_GONE|UNEXPECTED)/)
    }),
    { numRuns: 300 },
  )
  expect(codes).toContain("RPC_PARAMS_INVALID")
  expect(await node.call("node.status")).toMatchObject({ ok: true, value: { state: "serving", pid: node.pid } })
})

test("key remove asks on a terminal, and leaves the key for anything but yes", async (context) => {
  const missing = missingTerminal()
  context.skip(missing !== undefined, missing)
  await grove.keys.add({ id: "doomed", type: "ed25519" })
  for (const [typed, exitStatus, state] of [
    ["", 4, "enabled"],
    ["n", 4, "enabled"],
    ["Y", 0, "destroyed"],
  ] as const) {
    await using session = onTerminal(process.execPath, [entry, "key", "remove", "doomed", "--home", home.directory])
    await session.see(/destroy doomed \(ed25519\)\?[^]* \[y\/N\] /)
    session.type(`${typed}\r`)
    const end = await session.ended
    expect(end.exitStatus).toBe(exitStatus)
    if (exitStatus !== 0) expect(end.screen).toMatch(/^NOT_CONFIRMED: doomed was left as it is; answer y, or give --yes\r$/m)
    expect((await grove.keys.public("doomed")).state).toBe(state)
  }
})

test("no secret of a named key, nor its log, is in a file of the home in the open", () => {
  const seed = readFileSync(home.file("seed"))
  for (const name of ["keystore.db", "keystore.db-wal", "audit.db", "audit.db-wal", "node.db", "config.json"])
    if (existsSync(home.file(name))) expect(readFileSync(home.file(name)).includes(seed)).toBe(false)
})
