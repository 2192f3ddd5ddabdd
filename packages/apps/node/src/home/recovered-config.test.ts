import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { unwrap } from "@keygrove/base"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { encodeConfig, readConfig } from "./config.ts"
import { checkLedgerSetting, readEtcdSetting } from "./etcd-setting.ts"
import { recoveredConfig } from "./recovered-config.ts"

const state = { directory: "" }
const file = (name: string): string => join(state.directory, name)
beforeAll(() => {
  state.directory = mkdtempSync(join(tmpdir(), "keygrove-recovered-"))
  for (const name of ["ca.pem", "node.pem", "node.key", "password"]) {
    writeFileSync(file(name), `${name}\n`)
    chmodSync(file(name), 0o600)
  }
})
afterAll(() => rmSync(state.directory, { recursive: true }))

const ledger = "etcd://10.0.0.1,10.0.0.2/grove"
const made = { listen: "/ip4/127.0.0.1/tcp/0", rpcPort: 0 }
const reached = () => ({
  caFile: file("ca.pem"),
  certificateFile: file("node.pem"),
  keyFile: file("node.key"),
  user: "grove",
  passwordFile: file("password"),
})

describe("a recovered home", () => {
  test("reaches its ledger in etcd with all that is in its config.json", async () => {
    const etcd = reached()
    unwrap(await checkLedgerSetting(ledger, etcd))
    const path = file("config.json")
    writeFileSync(path, encodeConfig(recoveredConfig({ ...made, ledger, etcd }, "member")))
    const config = unwrap(readConfig(path))
    expect(config).toEqual({ version: 1, ledger, etcd, ...made })
    const setting = unwrap(await readEtcdSetting(config.ledger, config.etcd ?? {}, "/nowhere"))
    expect(setting.address.endpoints.map(({ host }) => host)).toEqual(["10.0.0.1", "10.0.0.2"])
    expect(setting.access).toMatchObject({ tls: { own: {} }, user: { name: "grove" } })
  })

  test("names the files as they are from everywhere", () => {
    const { etcd } = recoveredConfig({ ...made, ledger, etcd: { caFile: "ca.pem" } }, "member")
    expect(etcd).toEqual({ caFile: resolve("ca.pem") })
  })

  test("of a node that is none any more has a copy alone, and nothing of etcd, unless it is told to follow", () => {
    const chosen = { ...made, ledger, etcd: reached() }
    for (const standing of ["revoked", "replaced"] as const) {
      expect(recoveredConfig(chosen, standing)).toEqual({ version: 1, ledger: "copy", ...made })
      expect(recoveredConfig({ ...chosen, followsAnyway: true }, standing)).toMatchObject({ ledger, etcd: chosen.etcd })
    }
  })

  test("is not begun with files that cannot be read, or with those of etcd for another ledger", async () => {
    expect(await checkLedgerSetting(ledger, { caFile: file("missing.pem") })).toMatchObject({ code: "ETCD_FILE_UNREADABLE" })
    expect(await checkLedgerSetting("embedded", reached())).toMatchObject({ code: "CONFIG_INVALID" })
    expect(await checkLedgerSetting("copy", undefined)).toMatchObject({ ok: true })
  })
})
