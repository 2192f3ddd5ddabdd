import { randomBytes } from "node:crypto"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { readdir, readFile, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { createAtomicFile } from "./atomic-file.ts"

const MEBIBYTE = 1_048_576
/** As in staged-writer.ts: lengths around it are where one way of writing gives over to the other. */
const STAGE = 8 * MEBIBYTE
const noise = randomBytes(2 * STAGE + 70_000)

// A memory file system too, because it treats writes past the page cache otherwise than a disk.
const places = [tmpdir(), "/dev/shm"].filter((place) => existsSync(place)).map((place) => mkdtempSync(join(place, "keygrove-atomic-")))
afterAll(() => {
  for (const place of places) rmSync(place, { recursive: true })
})

describe.each(places)("a file in %s", (place) => {
  test.each([0, 1, 4_096, STAGE - 1, STAGE, STAGE + 1, 2 * STAGE, noise.length])("of %d bytes holds what was written", async (length) => {
    const path = join(place, `file-${length}`)
    await using file = await createAtomicFile(path)
    // Pieces that no page or stage is a multiple of, in one buffer that is overwritten like the cipher's.
    const piece = Buffer.alloc(1_000_003)
    for (let at = 0; at < length; at += piece.length) {
      const part = piece.subarray(0, noise.copy(piece, 0, at, Math.min(length, at + piece.length)))
      await file.write(part)
      part.fill(0)
    }
    expect(existsSync(path)).toBe(false)
    await file.commit()
    expect((await readFile(path)).equals(noise.subarray(0, length))).toBe(true)
  })

  test("leaves nothing when it is not committed", async () => {
    const before = await readdir(place)
    {
      await using file = await createAtomicFile(join(place, "dropped"))
      await file.write(noise)
    }
    expect(await readdir(place)).toEqual(before)
  })

  test("refuses a name that is taken, also one taken meanwhile", async () => {
    const path = join(place, "taken")
    await using file = await createAtomicFile(path)
    await file.write(noise.subarray(0, 10))
    await writeFile(path, "another's")
    await expect(createAtomicFile(path)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" })
    await expect(file.commit()).rejects.toMatchObject({ code: "OUTPUT_EXISTS" })
    expect(await readFile(path, "utf8")).toBe("another's")
    await using over = await createAtomicFile(path, { overwrite: true })
    await over.write(noise.subarray(0, 10))
    await over.commit()
    expect((await readFile(path)).equals(noise.subarray(0, 10))).toBe(true)
  })
})
