import { existsSync, readdirSync } from "node:fs"
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { expectDone, expectRefused, runCommand, type ExpectedRefusal } from "./command.ts"

/** One root, made once; every case recovers a further node of it, or does not. */
const stage = { directory: "", cluster: "", words: [""], passphrase: "" }
const place = (name: string): string => join(stage.directory, name)

beforeAll(async () => {
  stage.directory = await mkdtemp(join(tmpdir(), "keygrove-words-"))
  stage.passphrase = place("passphrase")
  await writeFile(stage.passphrase, "correct horse battery\r\nsecond line\n")
  const made = await expectDone(["init", ...initOptions("first"), "--words-out", place("words")])
  stage.cluster = String(made["cluster"])
  stage.words = (await readFile(place("words"), "utf8")).trim().split(" ")
})

afterAll(async () => await rm(stage.directory, { recursive: true }))

function initOptions(home: string): readonly string[] {
  return ["--home", place(home), "--name", home, "--rpc-port", "0", "--passphrase-file", stage.passphrase]
}

/** Refused, twice over, with nothing made and no word in the message. */
async function expectNothingMade(options: readonly string[], expected: ExpectedRefusal, input?: string): Promise<void> {
  const before = readdirSync(stage.directory)
  await expectRefused(["init", ...options], expected, input === undefined ? {} : { input })
  expect(readdirSync(stage.directory)).toEqual(before)
}

describe("init --recover refuses words that are not the root's, and makes nothing", () => {
  const usage = { exitStatus: 2 }
  test.each([
    ["too few", (words: readonly string[]) => words.slice(1), "WORDS_COUNT", /there are 23 words; enter all 24/],
    ["too many", (words: readonly string[]) => [...words, "art"], "WORDS_COUNT", /there are 25 words/],
    ["none", () => [], "WORDS_COUNT", /there are 0 words/],
    ["a word of no list", (words: readonly string[]) => words.with(6, "keygrov"), "WORD_UNKNOWN", /^(?!.*keygrov\b).*word 7 is not in/],
    ["words that do not belong together", () => Array<string>(24).fill("abandon"), "WORDS_CHECKSUM", /check their order/],
  ])("%s", async (_name, change, code, says) => {
    await expectNothingMade(
      ["--recover", "--words-file", "-", ...initOptions("refused")],
      { ...usage, code, says },
      `${change(stage.words).join(" ")}\n`,
    )
  })

  test("the words of another root, when the cluster is named", async () => {
    const expected = {
      exitStatus: 4,
      code: "WORDS_OF_ANOTHER_ROOT",
      says: new RegExp(`${stage.cluster.slice(0, 16)}, not of 0123456789abcdef`),
    }
    const options = ["--recover", "--words-file", place("words"), "--cluster", "0123456789abcdef01"]
    await expectNothingMade([...options, ...initOptions("refused")], expected)
  })

  test("words in a file that is missing, and standard input promised twice", async () => {
    await expectNothingMade(["--recover", "--words-file", place("nothing"), ...initOptions("refused")], {
      code: "FILE_UNREADABLE",
      exitStatus: 1,
      says: "words file",
    })
    await expectNothingMade(["--recover", "--words-file", "-", "--home", place("refused"), "--passphrase-file", "-"], {
      ...usage,
      code: "USAGE_INVALID",
      says: "standard input",
    })
  })

  test("no terminal to ask on", async () => {
    await expectNothingMade(["--recover", ...initOptions("refused")], { ...usage, code: "WORDS_UNREADABLE", says: "--words-file" })
    await expectNothingMade(initOptions("refused"), { ...usage, code: "WORDS_UNREADABLE", says: "--words-out" })
    await expectNothingMade(["--home", place("refused")], { ...usage, code: "PASSPHRASE_SOURCE_MISSING", says: "--passphrase-file" })
  })
})

test("init --recover takes the words in any case, with breaks and numbers, and makes a further node of the same cluster", async () => {
  const input = stage.words.map((word, index) => `${index + 1}. ${index % 2 === 0 ? word.toUpperCase() : ` ${word} `}\n`).join("\n")
  const options = ["--recover", "--words-file", "-", "--cluster", stage.cluster.slice(0, 12).toUpperCase()]
  const made = await expectDone(["init", ...options, ...initOptions("second")], { input })
  expect(made).toMatchObject({ cluster: stage.cluster, path: "/second" })
})

describe("init refuses what would lose something", () => {
  test("a home that is taken, and a file for the words that exists", async () => {
    const words = await readFile(place("words"), "utf8")
    await expectNothingMade([...initOptions("first"), "--words-out", place("other")], {
      code: "HOME_EXISTS",
      exitStatus: 2,
      says: "not empty",
    })
    await expectNothingMade([...initOptions("third"), "--words-out", place("words")], {
      code: "WORDS_OUT_EXISTS",
      exitStatus: 2,
      says: "EEXIST",
    })
    expect(await readFile(place("words"), "utf8")).toBe(words)
  })

  test.each([
    ["nothing in it", "", "PASSPHRASE_MISSING"],
    ["an empty first line", "\ncorrect horse battery\n", "PASSPHRASE_MISSING"],
    ["a short passphrase", "seven77\n", "PASSPHRASE_TOO_SHORT"],
    ["a film", "x".repeat(5_000), "PASSPHRASE_TOO_LONG"],
  ])("a passphrase file with %s", async (_name, text, code) => {
    const options = ["--home", place("refused"), "--name", "x", "--rpc-port", "0", "--passphrase-file", "-", "--words-out", place("other")]
    await expectNothingMade(options, { code, exitStatus: 2, says: /passphrase/ }, text)
  })

  test("a name that no node may have", async () => {
    const options = ["--home", place("refused"), "--name", "../up", "--passphrase-file", stage.passphrase, "--words-out", place("other")]
    await expectNothingMade(options, { code: "PATH_INVALID", exitStatus: 2, says: /name/ })
  })
})

describe("the passphrase opens what it was given for", () => {
  test("from a file or standard input, up to its line break; another one changes nothing", async () => {
    const home = ["--home", place("first")]
    const wrong = { code: "KEYSTORE_PASSPHRASE_WRONG", exitStatus: 1, says: "nothing was changed" }
    await expectRefused(["up", "--detach", "--passphrase-file", "-", ...home], wrong, {
      input: "correct horse batterz\n",
      oneAfterTheOther: true,
    })
    await expectRefused(
      ["up", "--passphrase-file", "/dev/null", ...home],
      { code: "PASSPHRASE_MISSING", exitStatus: 2, says: "empty" },
      { oneAfterTheOther: true },
    )
    await expectRefused(["up", ...home], { code: "PASSPHRASE_SOURCE_MISSING", exitStatus: 2, says: "--passphrase-file" })
    await expectDone(["up", "--detach", "--passphrase-file", "-", ...home], { input: "correct horse battery" })
    await expectRefused(["up", "--detach", "--passphrase-file", stage.passphrase, ...home], {
      code: "ALREADY_RUNNING",
      exitStatus: 1,
      says: "keygrove down",
    })
    expect(await runCommand(["down", ...home])).toMatchObject({ exitStatus: 0 })
    expect(existsSync(join(place("first"), "node.pid"))).toBe(false)
  })

  test("a key file that others may read is refused; with mode 600 it serves", async () => {
    const keyFile = place("key")
    const options = ["--home", place("keyed"), "--rpc-port", "0", "--key-file", keyFile, "--words-out", place("keyed-words")]
    await expectDone(["init", ...options])
    await chmod(keyFile, 0o644)
    const refused = { code: "KEYSTORE_KEY_FILE_INVALID", exitStatus: 1, says: "chmod 600" }
    await expectRefused(["up", "--detach", "--home", place("keyed")], refused, { oneAfterTheOther: true })
    await chmod(keyFile, 0o600)
    await expectDone(["up", "--detach", "--home", place("keyed")])
    await expectDone(["down", "--home", place("keyed")])
  })
})
