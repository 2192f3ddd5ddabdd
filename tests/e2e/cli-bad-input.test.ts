import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { firstDifference, type Stage } from "./transcript.ts"

/** Chapters that need no running node; each command is a process of its own. */
const chapters = [
  "help",
  "inspect",
  "bad-input/foreign-files",
  "bad-input/arguments",
  "bad-input/words",
  "bad-input/keys",
  "bad-input/not-running",
] as const

const stage: { directory: string; variables: Stage["variables"] } = { directory: "", variables: {} }

beforeAll(async () => {
  stage.directory = await mkdtemp(join(tmpdir(), "keygrove-stage-"))
  stage.variables = { KEYGROVE_HOME: join(stage.directory, "home") }
  await copyFile(fileURLToPath(new URL("../../vectors/file/aes-256-gcm.kg", import.meta.url)), join(stage.directory, "notes.kg"))
  await writeFile(join(stage.directory, "notes.txt"), "two lines\nof notes\n")
})

afterAll(async () => {
  await rm(stage.directory, { recursive: true })
})

describe("without a node", () => {
  test.each(chapters)("%s", async (chapter) => expect(await firstDifference(chapter, stage)).toBeUndefined(), 60_000)
})
