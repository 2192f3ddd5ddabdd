import { execFile, spawnSync } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { expectDone, expectRefused } from "./command.ts"

const run = promisify(execFile)
const stage = { directory: "", cluster: "" }
const place = (name: string): string => join(stage.directory, name)

beforeAll(async () => {
  stage.directory = await mkdtemp(join(tmpdir(), "keygrove-sheet-"))
  await writeFile(place("passphrase"), "correct horse battery\n")
  const options = ["--name", "desk", "--rpc-port", "0", "--passphrase-file", place("passphrase"), "--words-out", place("words")]
  stage.cluster = String((await expectDone(["init", "--home", place("home"), ...options]))["cluster"])
})
afterAll(async () => await rm(stage.directory, { recursive: true }))

function isInstalled(program: string): boolean {
  return spawnSync(program, ["--help"]).error === undefined
}

/** What a reader of QR codes that is not ours finds in a picture. */
async function scan(picture: string): Promise<readonly string[]> {
  const { stdout } = await run("zbarimg", ["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture])
  return stdout.trim().split("\n")
}

/** A page in the resolution of a poor printer. */
async function rasterised(sheet: string): Promise<{ readonly picture: string; readonly complaints: string }> {
  const picture = `${sheet}.png`
  const { stderr } = sheet.endsWith(".svg")
    ? await run("rsvg-convert", ["--dpi-x", "100", "--dpi-y", "100", sheet, "-o", picture])
    : await run("pdftoppm", ["-r", "100", "-png", "-singlefile", sheet, sheet])
  return { picture, complaints: stderr }
}

describe.runIf(["zbarimg", "rsvg-convert", "pdftoppm", "pdftotext"].every(isInstalled))("the recovery sheet, printed", () => {
  test.each([
    ["sheet.svg", "a4", [1_117, 1_180]],
    ["sheet-us.svg", "letter", [1_055, 1_110]],
    ["sheet.pdf", "a4", [1_117, 1_180]],
    ["sheet-us.pdf", "letter", [1_055, 1_110]],
  ])(
    "%s on %s: another program reads the root's address from it, and the command line takes it",
    async (name, paper, [least = 0, most = 0]) => {
      const made = await expectDone(["root", "sheet", place(name), "--paper", paper, "--home", place("home")])
      expect(made).toMatchObject({ cluster: stage.cluster, paper })
      const { complaints, picture } = await rasterised(place(name))
      expect(complaints.replaceAll(/^Fontconfig.*\n/gm, "")).toBe("")
      const png = await readFile(picture)
      expect(png.readUInt32BE(20)).toBeGreaterThanOrEqual(least)
      expect(png.readUInt32BE(20)).toBeLessThanOrEqual(most)
      const address = `keygrove:root?cluster=${stage.cluster}&anchor=${String(made["anchor"])}`
      const [read = ""] = await scan(picture)
      expect(read).toBe(address)
      const verify = ["root", "verify", "--words-file", place("words"), "--home", place("nowhere")]
      expect(await expectDone([...verify, "--cluster", read])).toMatchObject({ cluster: stage.cluster })
      const forged = `${read.slice(0, -1)}${read.endsWith("0") ? "1" : "0"}`
      const refused = { code: "ROOT_URI_INVALID", exitStatus: 2, says: "the sheet was altered" }
      await expectRefused([...verify, "--cluster", forged], refused)
    },
  )

  test("its text says what is compared, and how to recover", async () => {
    const { stdout } = await run("pdftotext", ["-layout", place("sheet.pdf"), "-"])
    const [first = "", second = ""] = [stage.cluster.slice(0, 32), stage.cluster.slice(32)].map((half) => half.match(/.{4}/g)?.join(" "))
    for (const text of [first, second, `keygrove init --recover --cluster ${stage.cluster.slice(0, 16)}`, "Who holds which share"])
      expect(stdout).toContain(text)
  })
})

describe("a node that joined by an invitation", () => {
  test("has the root from the ledger while it runs, locked too, and says so when it does not", { timeout: 300_000 }, async () => {
    const [home, phone] = [place("home"), place("phone")]
    const unlock = ["--passphrase-file", place("passphrase")]
    await expectDone(["up", "--detach", "--home", home, ...unlock])
    try {
      const invited = ["--code-out", place("code"), "-o", place("invite")]
      await expectDone(["node", "invite", "phone", "--home", home, ...unlock, ...invited])
      await expectDone(["join", place("invite"), "--home", phone, "--rpc-port", "0", "--code-file", place("code"), ...unlock])
      const refused = { code: "NODE_NOT_RUNNING", exitStatus: 6, says: "keygrove up" }
      await expectRefused(["root", "sheet", place("phone.svg"), "--home", phone], refused)
      await expectDone(["up", "--detach", "--home", phone, ...unlock])
      try {
        await expectDone(["lock", "--home", phone])
        await expectDone(["root", "sheet", place("phone.svg"), "--home", phone])
        await expectDone(["root", "sheet", place("home.svg"), "--home", home])
        expect(await readFile(place("phone.svg"), "utf8")).toBe(await readFile(place("home.svg"), "utf8"))
      } finally {
        await expectDone(["down", "--home", phone])
      }
    } finally {
      await expectDone(["down", "--home", home])
    }
  })
})
