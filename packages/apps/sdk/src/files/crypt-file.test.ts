import { execFileSync, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { createWriteStream, mkdtempSync, rmSync } from "node:fs"
import { chmod, link, mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { PassThrough } from "node:stream"
import { nativePrimitives } from "@keygrove/curves-native"
import { afterAll, describe, expect, test } from "vitest"
import { decryptFile, encryptFile, inspectFile } from "./crypt-file.ts"
import { fixtureKey, fixtureLabel, fixtureTools } from "./file-fixture.ts"

const directory = mkdtempSync(join(tmpdir(), "keygrove-files-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const { signal } = new AbortController()
const isRoot = process.getuid?.() === 0
const megabytes = Uint8Array.from(randomBytes(5 << 20))
const input = join(directory, "input")
await writeFile(input, megabytes)

const encrypt = (output: string, overwrite = false): Promise<void> =>
  encryptFile(fixtureTools, { input, output, overwrite }, { ...fixtureLabel, signal })
const decrypt = (from: string, output: string): Promise<void> =>
  decryptFile(nativePrimitives, { input: from, output }, { fileKey: fixtureKey, signal })

/** A fresh directory, and what it holds in the end. */
async function place(name: string): Promise<{ readonly path: (file: string) => string; readonly names: () => Promise<readonly string[]> }> {
  const where = join(directory, name)
  await mkdir(where)
  return { path: (file) => join(where, file), names: async () => (await readdir(where)).toSorted() }
}

describe("encryptFile and decryptFile", () => {
  test("round-trip a file, readable by its owner only", async () => {
    const { path, names } = await place("round-trip")
    await encrypt(path("a.kg"))
    await decrypt(path("a.kg"), path("a"))
    expect(Buffer.compare(await readFile(path("a")), megabytes)).toBe(0)
    expect((await stat(path("a"))).mode & 0o777).toBe(0o600)
    expect((await inspectFile(nativePrimitives, path("a.kg"), { signal })).header.label).toBe("photos/2026")
    expect(await names()).toEqual(["a", "a.kg"])
  })

  test("round-trip streams", async () => {
    const [source, sealed, opened] = [new PassThrough(), new PassThrough(), new PassThrough()]
    source.end(megabytes.subarray(0, 1_000_000))
    const parts: Uint8Array[] = []
    opened.on("data", (part: Uint8Array) => parts.push(Uint8Array.from(part)))
    await Promise.all([
      encryptFile(fixtureTools, { input: source, output: sealed }, { ...fixtureLabel, signal }).then(() => sealed.end()),
      decryptFile(nativePrimitives, { input: sealed, output: opened }, { fileKey: fixtureKey, signal }),
    ])
    expect(Buffer.compare(Buffer.concat(parts), megabytes.subarray(0, 1_000_000))).toBe(0)
  })

  test("leave no plaintext and no partial file behind a failure", async () => {
    const { path, names } = await place("corrupt")
    await encrypt(path("a.kg"))
    await truncate(path("a.kg"), 4 << 20)
    await expect(decrypt(path("a.kg"), path("a"))).rejects.toMatchObject({ code: "FILE_CORRUPT" })
    expect(await names()).toEqual(["a.kg"])
  })

  test("leave nothing behind an abort, and what was there untouched", async () => {
    const { path, names } = await place("abort")
    await writeFile(path("a.kg"), "old")
    const controller = new AbortController()
    const onProgress = (): void => controller.abort(new Error("enough"))
    const running = encryptFile(
      fixtureTools,
      { input, output: path("a.kg"), overwrite: true },
      { ...fixtureLabel, signal: controller.signal, onProgress },
    )
    await expect(running).rejects.toThrow("enough")
    expect(await names()).toEqual(["a.kg"])
    expect(await readFile(path("a.kg"), "utf8")).toBe("old")
  })

  test("refuse each bad input and output with its own code", async () => {
    const { path } = await place("refusals")
    await writeFile(path("there"), "x")
    await link(input, path("alias"))
    await expect(encrypt(path("there"))).rejects.toMatchObject({ code: "OUTPUT_EXISTS" })
    await expect(encrypt(input, true)).rejects.toMatchObject({ code: "OUTPUT_IS_INPUT" })
    await expect(encrypt(path("alias"), true)).rejects.toMatchObject({ code: "OUTPUT_IS_INPUT" })
    await expect(encrypt(path("none/a.kg"))).rejects.toMatchObject({ code: "OUTPUT_UNWRITABLE" })
    await expect(encrypt(directory, true)).rejects.toMatchObject({ code: "OUTPUT_UNWRITABLE" })
    await expect(decrypt(path("missing"), path("b"))).rejects.toMatchObject({ code: "FILE_UNREADABLE" })
    await expect(decrypt(directory, path("b"))).rejects.toMatchObject({ code: "FILE_UNREADABLE" })
    await expect(decrypt(input, path("b"))).rejects.toMatchObject({ code: "FILE_NOT_KEYGROVE" })
    expect(await readFile(path("there"), "utf8")).toBe("x")
  })

  test("notice an input that shrinks while it is read", async () => {
    const { path, names } = await place("shrinks")
    await writeFile(path("a"), randomBytes(12 << 20))
    const onProgress = (): void => void execFileSync("truncate", ["-s", "4M", path("a")])
    const running = encryptFile(fixtureTools, { input: path("a"), output: path("a.kg") }, { ...fixtureLabel, signal, onProgress })
    await expect(running).rejects.toMatchObject({ code: "FILE_CHANGED" })
    expect(await names()).toEqual(["a"])
  })

  test.runIf(process.platform === "linux")("report a full disk behind a stream", async () => {
    const full = createWriteStream("/dev/full")
    await expect(encryptFile(fixtureTools, { input, output: full }, { ...fixtureLabel, signal })).rejects.toMatchObject({
      code: "DISK_FULL",
    })
  })

  test.runIf(isRoot && process.platform === "linux")("report a full disk and leave nothing on it", async () => {
    const { path, names } = await place("full")
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", path(".")])
    try {
      await expect(encrypt(path("a.kg"))).rejects.toMatchObject({ code: "DISK_FULL" })
      expect(await names()).toEqual([])
    } finally {
      execFileSync("umount", [path(".")])
    }
  })

  test.runIf(!isRoot)("report a directory that may not be written to", async () => {
    const { path } = await place("read-only")
    await chmod(path("."), 0o500)
    await expect(encrypt(path("a.kg"))).rejects.toMatchObject({ code: "OUTPUT_UNWRITABLE" })
  })

  test("report a reader that went away", async () => {
    const output = new PassThrough()
    output.resume()
    const onProgress = (): void => void output.destroy(Object.assign(new Error("broken pipe"), { code: "EPIPE" }))
    await expect(encryptFile(fixtureTools, { input, output }, { ...fixtureLabel, signal, onProgress })).rejects.toMatchObject({
      code: "OUTPUT_CLOSED",
    })
  })

  test("SIGKILL leaves the old output or the complete new one", async () => {
    const { path } = await place("killed")
    const script = new URL("./crypt-file.fixture.ts", import.meta.url).pathname
    await writeFile(path("big"), randomBytes(32 << 20))
    for (let round = 0; round < 10; round++) {
      const output = path(`out-${round}`)
      await writeFile(output, "old")
      const child = spawn(process.execPath, ["--no-warnings", script, path("big"), output], { stdio: ["ignore", "pipe", "inherit"] })
      const exited = new Promise((resolve) => child.once("exit", resolve))
      let lines = 0
      for await (const _ of createInterface({ input: child.stdout })) if (++lines > round * 2) child.kill("SIGKILL")
      await exited
      if ((await stat(output)).size === 3) expect(await readFile(output, "utf8")).toBe("old")
      else {
        await decrypt(output, path(`plain-${round}`))
        expect(Buffer.compare(await readFile(path(`plain-${round}`)), await readFile(path("big")))).toBe(0)
      }
    }
  })
})
