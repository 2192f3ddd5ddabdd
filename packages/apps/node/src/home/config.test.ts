import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { encodeConfig, readConfig } from "./config.ts"

const state = { directory: "" }
beforeAll(() => {
  state.directory = mkdtempSync(join(tmpdir(), "keygrove-config-"))
})
afterAll(() => rmSync(state.directory, { recursive: true }))

const sound = { version: 1, ledger: "embedded", listen: "/ip4/127.0.0.1/tcp/0", rpcPort: 0 }

function read(keys: unknown): ReturnType<typeof readConfig> {
  const path = join(state.directory, "config.json")
  writeFileSync(path, JSON.stringify({ ...sound, keys }))
  return readConfig(path)
}

describe("the keys of config.json", () => {
  test("are read, and written as they were", () => {
    const keys = [
      { id: "a", type: "ed25519" },
      { id: "b/1", type: "p256", from: "generate" },
      { id: "c", type: "aes256", from: "env:BACKUP_KEY", rules: { allow: [{ caller: "uid:0", operations: ["encrypt"] }], confirm: true } },
      { id: "d", type: "x25519", from: "file:/etc/keys/d" },
      { id: "e", type: "bls12-381", from: "derive", rules: { perMinute: 5 } },
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
    ["one twice", ["ed25519", "p256"].map((type) => ({ id: "a", type })), "names a twice"],
    ["a variable twice", ["a", "b"].map((id) => ({ id, type: "ed25519", from: "env:KEY" })), "names KEY twice"],
  ])("are refused when there is %s", (_what, keys, says) => {
    expect(read(keys)).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(says) })
  })
})
