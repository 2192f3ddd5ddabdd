import { createHash } from "node:crypto"
import { copyFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { KeygroveError, Secret, utf8 } from "@keygrove/base"
import { Keygrove } from "keygrove"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { expectDone, expectRefused, runCommand } from "../command.ts"
import { launchNode, makeHome, makeStage, startNodeProcess, type TestHome } from "./node-process.ts"

const example = fileURLToPath(new URL("../../../examples/operators/totp.mjs", import.meta.url))
const stack = new AsyncDisposableStack()
let home: TestHome
let grove: Keygrove

/** Puts operators into the configuration of a home; each gets the digest of its module. */
function configure(at: TestHome, operators: readonly { readonly name: string; readonly source: string }[]): void {
  const config = JSON.parse(readFileSync(at.file("config.json"), "utf8"))
  config.operators = operators.map(({ source, ...setting }) => {
    const module = `${setting.name}.mjs`
    writeFileSync(at.file(module), source)
    const sha256 = createHash("sha256").update(source).digest("hex")
    return { types: ["aes256"], keys: ["totp/*"], output: { kind: "boolean" }, module, sha256, ...setting }
  })
  writeFileSync(at.file("config.json"), JSON.stringify(config))
}

beforeAll(async () => {
  const stage = stack.use(await makeStage())
  home = await makeHome(stage.directory, "laptop")
  const totp = { name: "totp", source: readFileSync(example, "utf8"), output: { kind: "integer", max: 999_999 }, timeoutMs: 2_000 }
  const slow = { name: "slow", source: "export const operate = () => { for (;;); }", timeoutMs: 2_000, perMinute: 100 }
  const greedy = {
    name: "greedy",
    source: "export const operate = () => { const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1)) }",
    timeoutMs: 2_000,
    perMinute: 100,
  }
  const sealed = { name: "sealed", source: "export const operate = (secret) => secret.slice()", output: { kind: "digest" } }
  configure(home, [totp, slow, greedy, sealed])
  stack.use(await startNodeProcess(home))
  grove = stack.use(await Keygrove.connect({ home: home.directory }))
  using secret = Secret.take(utf8(Buffer.from("12345678901234567890123456789012").toString("hex")))
  await grove.keys.add({ id: "totp/mail", type: "aes256", from: { secret } })
})
afterAll(async () => await stack.disposeAsync())

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "done",
    (error: unknown) => (error instanceof KeygroveError ? error.code : "thrown"),
  )
}

describe("operators of a node", () => {
  // RFC 6238, Appendix B, SHA256: the last six of its eight digits.
  test.each([
    [59, 119_246],
    [1_111_111_109, 84_774],
    [1_111_111_111, 62_674],
    [1_234_567_890, 819_424],
    [2_000_000_000, 698_825],
    [20_000_000_000, 737_706],
  ])("give the one-time password of second %i", async (second, password) => {
    expect(await grove.keys.operate("totp/mail", "totp", utf8(String(Math.floor(second / 30))))).toBe(password)
  })

  test("are listed, and used from the command line", async () => {
    expect((await grove.keys.operators()).map(({ name, output, perMinute }) => [name, output.kind, perMinute])).toEqual([
      ["totp", "integer", 10],
      ["slow", "boolean", 100],
      ["greedy", "boolean", 100],
      ["sealed", "digest", 10],
    ])
    const listed = await runCommand(["operator", "list", "--home", home.directory])
    expect(listed.stdout).toMatch(/^totp +0–999999 +10 +aes256 +totp\/\*$/m)
    const used = await runCommand(["key", "operate", "totp/mail", "totp", "-", "--home", home.directory], { input: "1\n" })
    expect(used.stdout).toBe("119246\n")
    const digest = await expectDone(["key", "operate", "totp/mail", "sealed", "--home", home.directory])
    expect(digest).toEqual({ version: 1, id: "totp/mail", operator: "sealed", digest: expect.stringMatching(/^[\w+/]{43}=$/) })
    const trail = await runCommand(["audit", "list", "--key", "totp/mail", "--home", home.directory])
    expect(trail.stdout).toMatch(/operate totp +ok +totp\/mail$/m)
    await expectRefused(["key", "operate", "totp/mail", "nothing", "--home", home.directory], {
      code: "OPERATOR_UNKNOWN",
      exitStatus: 2,
      says: /operator list/,
    })
    await expectRefused(["key", "operate", "totp/mail", "totp", "--home", home.directory], {
      code: "OPERATOR_FAILED",
      exitStatus: 1,
      says: /threw; what it said is not told/,
    })
  })

  test("that take long stall nobody, and are stopped", async () => {
    await grove.keys.add({ id: "sign", type: "ed25519" })
    const inOrder = async (): Promise<readonly string[]> => {
      const order: string[] = []
      const slow = Promise.all(Array.from({ length: 4 }, async () => order.push(await codeOf(grove.keys.operate("totp/mail", "slow")))))
      for (let round = 0; round < 20; round++) {
        await grove.keys.sign("sign", utf8("message"))
        order.push("signed")
      }
      await slow
      return order
    }
    // A busy machine may take longer for twenty signatures than the slow ones are given.
    await expect
      .poll(inOrder)
      .toEqual([...Array.from({ length: 20 }, () => "signed"), ...Array.from({ length: 4 }, () => "OPERATOR_TIMEOUT")])
  })

  test("that take all memory are stopped, and the keystore serves on", async () => {
    // A busy machine may reach the limit of time first.
    await expect
      .poll(async () => await codeOf(grove.keys.operate("totp/mail", "greedy")), { timeout: 60_000, interval: 100 })
      .toBe("OPERATOR_MEMORY")
    expect((await grove.keys.sign("sign", utf8("message"))).version).toBe(1)
  })
})

describe("a module", () => {
  test("is checked without a node", async () => {
    const sha256 = createHash("sha256").update(readFileSync(example)).digest("hex")
    expect(await expectDone(["operator", "check", example])).toEqual({ version: 1, module: example, sha256 })
    const broken = home.file("broken.mjs")
    writeFileSync(broken, 'import fs from "node:fs"\nexport const operate = () => fs.readFileSync("/etc/passwd").length > 0\n')
    await expectRefused(["operator", "check", broken], { code: "OPERATOR_MODULE_INVALID", exitStatus: 2, says: /imports/ })
    await expectRefused(["operator", "check", home.file("none.mjs")], { code: "OPERATOR_MODULE_UNREADABLE", exitStatus: 2, says: /ENOENT/ })
  })

  test("that was changed stops the start, with its operator's name", async () => {
    await using stage = await makeStage()
    const other = await makeHome(stage.directory, "other")
    configure(other, [{ name: "totp", source: readFileSync(example, "utf8") }])
    copyFileSync(example, join(other.directory, "totp.mjs"))
    writeFileSync(other.file("totp.mjs"), `${readFileSync(example, "utf8")}// changed\n`)
    const node = launchNode(other)
    const end = await node.ended
    expect(end.exitStatus).not.toBe(0)
    expect(end.log).toMatch(/OPERATOR_MODULE_CHANGED: operator totp: its module has SHA-256 [0-9a-f]{64}, config.json says [0-9a-f]{64}/)
  })
})
