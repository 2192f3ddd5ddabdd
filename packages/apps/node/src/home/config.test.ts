import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { DEFAULT_WAITS } from "@keygrove/service"
import { encodeConfig, readConfig } from "./config.ts"
import { pieceWaits } from "../runtime/piece-waits.ts"

const state = { directory: "" }
beforeAll(() => {
  state.directory = mkdtempSync(join(tmpdir(), "keygrove-config-"))
})
afterAll(() => rmSync(state.directory, { recursive: true }))

const sound = { version: 1, ledger: "embedded", listen: "/ip4/127.0.0.1/tcp/0", rpcPort: 0 }

function readWith(settings: object): ReturnType<typeof readConfig> {
  const path = join(state.directory, "config.json")
  writeFileSync(path, JSON.stringify({ ...sound, ...settings }))
  return readConfig(path)
}

const read = (keys: unknown): ReturnType<typeof readConfig> => readWith({ keys })

describe("etcd in config.json", () => {
  const ledger = "etcd://one,two,three/grove"

  test("is read, and written as it was", () => {
    const etcd = { caFile: "ca.pem", certificateFile: "node.pem", keyFile: "node.key", user: "grove", passwordFile: "/etc/password" }
    const config = unwrap(readWith({ ledger, etcd }))
    expect(config).toMatchObject({ ledger, etcd })
    expect(JSON.parse(encodeConfig(config))).toEqual({ ...sound, ledger, etcd })
  })

  test.each<[string, object, string]>([
    ["a password", { user: "grove", password: "secret" }, '"etcd.password"'],
    ["a user without the file of a password", { user: "grove" }, "go together"],
    ["the file of a password without a user", { passwordFile: "password" }, "go together"],
    ["a certificate without its key", { caFile: "ca.pem", certificateFile: "node.pem" }, "go together"],
    ["a certificate without TLS", { certificateFile: "node.pem", keyFile: "node.key" }, "over TLS only"],
    ["a path that is none", { caFile: "" }, '"etcd.caFile"'],
  ])("is refused when there is %s, without showing it", (_what, etcd, says) => {
    const read = readWith({ ledger, etcd })
    expect(read).toMatchObject({ ok: false, code: "CONFIG_INVALID", message: expect.stringContaining(says) })
    expect(read.ok ? "" : read.message).not.toContain("secret")
  })
})

describe("the keys of config.json", () => {
  test("are read, and written as they were", () => {
    const keys = [
      { id: "a", type: "ed25519" },
      { id: "b/1", type: "p256", from: "generate" },
      { id: "c", type: "aes256", from: "env:BACKUP_KEY", rules: { allow: [{ caller: "uid:0", operations: ["encrypt"] }], confirm: true } },
      { id: "d", type: "x25519", from: "file:/etc/keys/d" },
      { id: "e", type: "bls12-381", from: "derive", rules: { perMinute: 5 } },
      { id: "f", type: "ed25519", from: "file:f.pem", backend: "preload" },
    ]
    const config = unwrap(read(keys))
    expect(config.keys).toEqual(keys)
    expect(JSON.parse(encodeConfig(config))).toEqual({ ...sound, keys })
  })

  test.each<[string, unknown, string]>([
    ["no list", {}, '"keys"'],
    ["an id that is none", [{ id: "../a", type: "ed25519" }], '"keys.0.id"'],
    ["a type that is none", [{ id: "a", type: "rsa" }], '"keys.0.type"'],
    ["a source that is none", [{ id: "a", type: "ed25519", from: "http://a" }], '"keys.0.from"'],
    ["a variable that is none", [{ id: "a", type: "ed25519", from: "env:A B" }], '"keys.0.from"'],
    ["a file without a name", [{ id: "a", type: "ed25519", from: "file:" }], '"keys.0.from"'],
    [
      "a rule that is none",
      [{ id: "a", type: "ed25519", rules: { allow: [{ caller: "root", operations: [] }] } }],
      '"keys.0.rules.allow.0.caller"',
    ],
    ["a field that is none", [{ id: "a", type: "ed25519", secret: "00" }], '"keys.0.secret"'],
    ["too many", Array.from({ length: 1_001 }, (_, index) => ({ id: `k${index}`, type: "ed25519" })), '"keys"'],
    ["a backend that is none", [{ id: "a", type: "ed25519", backend: "paper" }], '"keys.0.backend"'],
    ["a preloaded one of nothing", [{ id: "a", type: "ed25519", backend: "preload" }], "the key a is preloaded"],
    ["a preloaded one made anew", [{ id: "a", type: "ed25519", backend: "preload", from: "generate" }], "the key a is preloaded"],
    ["one for a token from a file", [{ id: "a", type: "ed25519", backend: "pkcs11", from: "file:a" }], "the key a is made in the token"],
    ["one for no token", [{ id: "a", type: "ed25519", backend: "pkcs11" }], 'the key a needs "pkcs11"'],
    ["one twice", ["ed25519", "p256"].map((type) => ({ id: "a", type })), "names a twice"],
    ["a variable twice", ["a", "b"].map((id) => ({ id, type: "ed25519", from: "env:KEY" })), "names KEY twice"],
  ])("are refused when there is %s", (_what, keys, says) => {
    expect(read(keys)).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(says) })
  })
})

describe("who may call, and when the keystore is locked", () => {
  const user = { name: "backup", salt: "0".repeat(32), verifier: "f".repeat(64) }

  test("are read, and written as they were", () => {
    const settings = { rpcUsers: [user, { ...user, name: "signer-2", methods: ["key.sign", "node.status"] }], idleLockMinutes: 15 }
    for (const peers of ["ledger", "trusted"]) {
      const config = unwrap(readWith({ ...settings, peers }))
      expect(config).toMatchObject({ ...settings, peers })
      expect(JSON.parse(encodeConfig(config))).toEqual({ ...sound, ...settings, peers })
    }
  })

  test.each<[string, object, string]>([
    ["a name that rules cannot have", { rpcUsers: [{ ...user, name: "Backup" }] }, '"rpcUsers.0.name"'],
    ["no salt", { rpcUsers: [{ name: "a", verifier: user.verifier }] }, '"rpcUsers.0.salt"'],
    ["a short salt", { rpcUsers: [{ ...user, salt: "00" }] }, '"rpcUsers.0.salt"'],
    ["a password", { rpcUsers: [{ ...user, password: "x" }] }, '"rpcUsers.0.password"'],
    ["a short verifier", { rpcUsers: [{ ...user, verifier: "ff" }] }, '"rpcUsers.0.verifier"'],
    ["a method that is none", { rpcUsers: [{ ...user, methods: ["key.leak"] }] }, '"rpcUsers.0.methods.0"'],
    ["a method of Object", { rpcUsers: [{ ...user, methods: ["constructor"] }] }, '"rpcUsers.0.methods.0"'],
    ["one user twice", { rpcUsers: [user, user] }, "names backup twice"],
    ["too many users", { rpcUsers: Array.from({ length: 65 }, (_, index) => ({ ...user, name: `u${index}` })) }, '"rpcUsers"'],
    ["no minute", { idleLockMinutes: 0 }, '"idleLockMinutes"'],
    ["half a minute", { idleLockMinutes: 0.5 }, '"idleLockMinutes"'],
    ["more than a week", { idleLockMinutes: 10_081 }, '"idleLockMinutes"'],
    ["peers that are none", { peers: "everyone" }, '"peers"'],
  ])("are refused when there is %s", (_what, settings, says) => {
    expect(readWith(settings)).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(says) })
  })
})

describe("how long a member waits for the others", () => {
  test("is as it always was where nothing is said, and what is said counts", () => {
    expect(pieceWaits(unwrap(readWith({})).pieceWaits)).toEqual(DEFAULT_WAITS)
    const settings = { pieceWaits: { ownerSeconds: 5, joinSeconds: 60 } }
    const config = unwrap(readWith(settings))
    expect(pieceWaits(config.pieceWaits)).toEqual({ ...DEFAULT_WAITS, ownerMs: 5_000, joinMs: 60_000 })
    expect(JSON.parse(encodeConfig(config))).toEqual({ ...sound, ...settings })
  })

  test.each<[string, object, string]>([
    ["less than a restart takes", { ownerSeconds: 4 }, '"pieceWaits.ownerSeconds"'],
    ["more than a week", { ownerSeconds: 604_801 }, '"pieceWaits.ownerSeconds"'],
    ["half a second", { attemptSeconds: 60.5 }, '"pieceWaits.attemptSeconds"'],
    ["an attempt of more than an hour", { attemptSeconds: 3_601 }, '"pieceWaits.attemptSeconds"'],
    ["a key generation that hardly begins", { generationSeconds: 29 }, '"pieceWaits.generationSeconds"'],
    ["a text", { joinSeconds: "900" }, '"pieceWaits.joinSeconds"'],
    ["a wait that is none", { offMinutes: 10 }, '"pieceWaits.offMinutes"'],
  ])("is refused when it is %s", (_what, waits, says) => {
    expect(readWith({ pieceWaits: waits })).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(says) })
  })
})

describe("the token of config.json", () => {
  const token = { module: "/usr/lib/softhsm/libsofthsm2.so", token: "grove", pinFile: "pin" }
  const readToken = (pkcs11: unknown): ReturnType<typeof readConfig> => {
    const path = join(state.directory, "config.json")
    writeFileSync(path, JSON.stringify({ ...sound, keys: [{ id: "a", type: "p256", backend: "pkcs11" }], pkcs11 }))
    return readConfig(path)
  }

  test("is read", () => {
    expect(unwrap(readToken(token)).pkcs11).toEqual(token)
  })

  test.each<[string, unknown, string]>([
    ["no module", { ...token, module: "" }, '"pkcs11.module"'],
    ["a label longer than a token has", { ...token, token: "é".repeat(17) }, '"pkcs11.token"'],
    ["the PIN itself", { ...token, pin: "1234" }, '"pkcs11.pin"'],
  ])("is refused when there is %s", (_what, pkcs11, says) => {
    expect(readToken(pkcs11)).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(says) })
  })
})
