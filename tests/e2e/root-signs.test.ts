import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { expectDone, expectRefused } from "./command.ts"

/** A running node whose root has a passphrase, and shares of that root. */
const stage = { directory: "" }
const place = (name: string): string => join(stage.directory, name)
const home = (): readonly string[] => ["--home", place("home")]
const ofWords = (): readonly string[] => ["--words-passphrase-file", place("of-words")]

beforeAll(async () => {
  stage.directory = await mkdtemp(join(tmpdir(), "keygrove-signs-"))
  await writeFile(place("passphrase"), "correct horse battery\n")
  await writeFile(place("of-words"), "twenty-fifth\n")
  const node = ["--name", "desk", "--rpc-port", "0", "--passphrase-file", place("passphrase"), "--words-out", place("words")]
  await expectDone(["init", ...home(), ...node, ...ofWords()])
  const shares = ["-m", "2", "-n", "3", "--out", place("shares"), "--words-file", place("words")]
  await expectDone(["root", "shares", ...shares, ...ofWords(), ...home()])
  await expectDone(["up", "--detach", "--passphrase-file", place("passphrase"), ...home()])
})

afterAll(async () => {
  await expectDone(["down", ...home()])
  await rm(stage.directory, { recursive: true })
})

function invite(path: string, root: readonly string[]): readonly string[] {
  const name = path.slice(1)
  return ["node", "invite", path, "--code-out", place(`${name}.code`), "-o", place(`${name}.invite`), ...root, ...home()]
}

test("the root signs for a node below it with its words and their passphrase, or with shares and the passphrase", async () => {
  const words = ["--words-file", place("words")]
  expect(await expectDone(invite("/server", [...words, ...ofWords()]))).toMatchObject({ path: "/server", generation: 1 })
  expect(await expectDone(invite("/spare", ["--shares-file", place("shares"), ...ofWords()]))).toMatchObject({
    path: "/spare",
    generation: 1,
  })
})

test("words without their passphrase are another root's, and nothing is signed or written", async () => {
  const another = { code: "WORDS_OF_ANOTHER_ROOT", exitStatus: 4, says: "or their passphrase" }
  await expectRefused(invite("/never", ["--words-file", place("words")]), another)
  await expectRefused(invite("/never", ["--shares-file", place("shares")]), another)
  const { nodes } = await expectDone(["node", "list", ...home()])
  expect(JSON.stringify(nodes)).not.toContain("/never")
})

test.each([
  ["words and shares", ["--words-file", "words", "--shares-file", "shares"], "not both"],
  ["typed shares and files of shares", ["--shares", "--shares-file", "shares"], "not both"],
  ["standard input twice", ["--shares-file", "-", "--words-passphrase-file", "-"], "standard input"],
  ["a directory without shares", ["--shares-file", "home"], "has no file share-….txt"],
])("%s: a usage error, whatever they are for", async (_name, options, says) => {
  const root = options.map((each) => (each.startsWith("-") ? each : place(each)))
  const usage = { code: "USAGE_INVALID", exitStatus: 2, says }
  await expectRefused(invite("/never", root), usage)
  await expectRefused(["root", "verify", ...root, ...home()], usage)
})
