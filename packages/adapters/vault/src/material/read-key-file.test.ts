import { execFileSync } from "node:child_process"
import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { readKeyFile } from "./read-key-file.ts"

const folder = mkdtempSync(join(tmpdir(), "keygrove-key-file-"))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, contents: string | Uint8Array = "secret", mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, contents)
  chmodSync(path, mode)
  return path
}

const refusal = (words: string): object => ({ code: "KEY_MATERIAL_UNREADABLE", message: expect.stringContaining(words) })

test.each([0o600, 0o400])("reads a file of mode %o", (mode) => {
  const read = readKeyFile(file(`mode-${mode}`, "secret\n", mode))
  if (!read.ok) throw new TypeError(read.message)
  using secret = read.value
  expect(secret.expose((bytes) => Buffer.from(bytes).toString())).toBe("secret\n")
})

test("follows a link and judges what it leads to", () => {
  symlinkSync(file("good"), join(folder, "to-good"))
  symlinkSync(file("open", "secret", 0o644), join(folder, "to-open"))
  expect(readKeyFile(join(folder, "to-good"))).toMatchObject({ ok: true })
  expect(readKeyFile(join(folder, "to-open"))).toMatchObject(refusal("chmod 600"))
})

test.each([0o640, 0o604, 0o620, 0o601])("refuses mode %o", (mode) => {
  expect(readKeyFile(file(`open-${mode}`, "secret", mode))).toMatchObject(refusal(`has mode ${mode.toString(8)}`))
})

test("takes 16 KiB and no more, and not nothing", () => {
  const path = file("large", new Uint8Array(16_384).fill(1))
  expect(readKeyFile(path)).toMatchObject({ ok: true })
  truncateSync(path, 16_385)
  expect(readKeyFile(path)).toMatchObject(refusal("16385 bytes"))
  expect(readKeyFile(file("empty", ""))).toMatchObject(refusal("is empty"))
})

test("refuses a folder, a pipe without waiting for its writer, and what is not there", () => {
  const pipe = join(folder, "pipe")
  execFileSync("mkfifo", ["-m", "600", pipe])
  expect(readKeyFile(pipe)).toMatchObject(refusal("no regular file"))
  expect(readKeyFile(folder)).toMatchObject(refusal("no regular file"))
  expect(readKeyFile(join(folder, "none"))).toMatchObject(refusal("ENOENT"))
  expect(readKeyFile("a\0b")).toMatchObject(refusal("ERR_INVALID_ARG_VALUE"))
})

test.runIf(process.getuid?.() === 0)("refuses a file of another user", () => {
  const path = file("foreign")
  chownSync(path, 12_345, 12_345)
  expect(readKeyFile(path)).toMatchObject(refusal("belongs to user 12345"))
})
