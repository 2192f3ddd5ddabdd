import { randomBytes } from "node:crypto"
import { appendFileSync, mkdtempSync, rmSync } from "node:fs"
import { chmod, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { SUITE_NAMES } from "@keygrove/crypto"
import { decodeEpoch, decodeNodePath } from "@keygrove/hierarchy"
import { encodeFileHeader, SEALED_CHUNK_KEY_BYTES } from "@keygrove/reencryption"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { decryptFile, encryptFile, inspectFile } from "./crypt-file.ts"
import type { EncryptionLabel } from "./encrypt-stream.ts"
import { fixtureKey, fixtureLabel, fixtureTools } from "./file-fixture.ts"
import { rotateFile, type Rotation, type RotationOptions } from "./rotate-file.ts"

const { signal } = new AbortController()
const content = Uint8Array.from(randomBytes(200_000))
/** The label in another epoch: the fixtures ask only for another key. */
const labelIn = (epoch: number): EncryptionLabel => ({
  ...fixtureLabel,
  epoch: unwrap(decodeEpoch(epoch)),
  labelKey: Uint8Array.of(2 + (epoch % 2), ...fixtureLabel.labelKey.subarray(1)),
})
let directory: string
let plain: string
let file: string

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "keygrove-rotate-"))
  ;[plain, file] = [join(directory, "a"), join(directory, "a.kg")]
  await writeFile(plain, content)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

async function encrypt(options: Partial<Parameters<typeof encryptFile>[2]> = {}): Promise<void> {
  await encryptFile(fixtureTools, { input: plain, output: file, overwrite: true }, { ...labelIn(1), signal, ...options })
}
async function rotate(epoch: number, options: Partial<RotationOptions> = {}, path = file): Promise<Rotation> {
  const currentLabel = async (): Promise<EncryptionLabel> => await Promise.resolve(labelIn(epoch))
  return await rotateFile(fixtureTools, path, { fileKey: fixtureKey, selves: [fixtureLabel.owner], currentLabel, signal, ...options })
}
async function opened(): Promise<Buffer> {
  const output = join(directory, "opened")
  await decryptFile(nativePrimitives, { input: file, output, overwrite: true }, { fileKey: fixtureKey, signal })
  return await readFile(output)
}
const headerOf = async () => (await inspectFile(nativePrimitives, file, { signal })).header
/** The chunks of the file as they are on disk. */
const chunksOf = async (): Promise<Buffer> => {
  const header = await headerOf()
  return (await readFile(file)).subarray(encodeFileHeader(header).length + (header.isRewrapped === true ? SEALED_CHUNK_KEY_BYTES : 0))
}

describe("a file that is rotated", () => {
  test.each(SUITE_NAMES)("has a header under the new key and the chunks that it had, in %s, again and again", async (suite) => {
    await encrypt({ suite })
    const chunks = await chunksOf()
    for (const epoch of [2, 3]) {
      expect(await rotate(epoch)).toEqual({ state: "rotated", label: "photos/2026", owner: fixtureLabel.owner, from: epoch - 1, to: epoch })
      expect(await headerOf()).toMatchObject({ suite, epoch, labelKey: labelIn(epoch).labelKey, isRewrapped: true })
      expect((await chunksOf()).equals(chunks)).toBe(true)
      expect((await opened()).equals(content)).toBe(true)
    }
    expect(await readdir(directory)).toHaveLength(3)
  })

  test("is encrypted anew where that is asked for, also when its header is current already", async () => {
    await encrypt()
    const chunks = await chunksOf()
    await rotate(2)
    expect(await rotate(2)).toMatchObject({ state: "current" })
    expect(await rotate(2, { reencrypt: true })).toMatchObject({ state: "rotated", from: 2, to: 2 })
    expect(await headerOf()).not.toHaveProperty("isRewrapped")
    expect((await chunksOf()).subarray(0, 16).equals(chunks.subarray(0, 16))).toBe(false)
    expect((await opened()).equals(content)).toBe(true)
    expect(await rotate(2, { reencrypt: true })).toMatchObject({ state: "current" })
  })

  test("keeps its mode, and is found through a link", async () => {
    await encrypt()
    await chmod(file, 0o644)
    const link = join(directory, "link.kg")
    await symlink(file, link)
    expect(await rotate(2, {}, link)).toMatchObject({ state: "rotated" })
    expect((await stat(file)).mode & 0o777).toBe(0o644)
    expect((await opened()).equals(content)).toBe(true)
  })

  test("of another node is left as it is, and its label is not asked for", async () => {
    await encrypt()
    const before = await readFile(file)
    const self = { ...fixtureLabel.owner, path: unwrap(decodeNodePath("/phone")) }
    const currentLabel = async (): Promise<never> => await Promise.reject(new Error("nobody asks"))
    expect(await rotate(2, { selves: [self], currentLabel })).toMatchObject({ state: "foreign" })
    expect((await readFile(file)).equals(before)).toBe(true)
  })

  test("is as it was when its key cannot be had, when it is stopped, and when somebody else writes to it", async () => {
    await encrypt()
    const before = await readFile(file)
    const fileKey = async (): Promise<never> => await Promise.reject(new Error("locked"))
    await expect(rotate(2, { fileKey })).rejects.toThrow("locked")
    const controller = new AbortController()
    const stopping = { signal: controller.signal, onProgress: () => controller.abort(new Error("enough")) }
    await expect(rotate(2, stopping)).rejects.toThrow("enough")
    expect((await readFile(file)).equals(before)).toBe(true)
    await expect(rotate(2, { onProgress: () => appendFileSync(file, "more") })).rejects.toMatchObject({ code: "FILE_CHANGED" })
    expect((await readFile(file)).subarray(0, before.length).equals(before)).toBe(true)
    expect((await readdir(directory)).toSorted()).toEqual(["a", "a.kg"])
  })
})

describe("the key between header and chunks", () => {
  test("opens in no other file, and in none of which a bit of it or of the header was changed", async () => {
    await encrypt()
    await rotate(2)
    const good = await readFile(file)
    const start = encodeFileHeader(await headerOf()).length
    for (const at of [start, start + SEALED_CHUNK_KEY_BYTES - 1]) {
      await writeFile(
        file,
        good.map((byte, index) => (index === at ? byte ^ 1 : byte)),
      )
      await expect(opened()).rejects.toMatchObject({ code: "FILE_CORRUPT" })
    }
    // As version 1 the sealed key would be the first chunk's beginning.
    await writeFile(
      file,
      good.map((byte, index) => (index === 9 ? 1 : byte)),
    )
    await expect(opened()).rejects.toMatchObject({ code: "FILE_CORRUPT" })
    await writeFile(file, good.subarray(0, start + 20))
    await expect(opened()).rejects.toMatchObject({ code: "FILE_TRUNCATED" })
  })
})
