import { readdirSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { entry } from "../bundle.ts"
import { expectDone } from "../command.ts"
import { missingTerminal, onTerminal, type TerminalSession } from "./terminal-session.ts"

const PASSPHRASE = "correct horse battery"
/** Not ASCII, in composed form: BIP39 decomposes it. */
const OF_WORDS = "Bäume im März"
const CLEARED = "\u001B[2J"
const missing = missingTerminal()
/** One root, made once, and the shares of it that the first test writes down. */
const stage = { directory: "", home: "", cluster: "", words: [""], shares: [[""]], settings: "" }
const place = (name: string): string => join(stage.directory, name)
const keygrove = (...args: readonly string[]): TerminalSession => onTerminal(process.execPath, [entry, ...args])

beforeAll(async () => {
  stage.directory = await mkdtemp(join(tmpdir(), "keygrove-root-tty-"))
  stage.home = place("home")
  await writeFile(place("passphrase"), `${PASSPHRASE}\n`)
  const made = await expectDone(["init", ...newHome("home"), "--words-out", place("words")])
  stage.cluster = String(made["cluster"])
  stage.words = (await readFile(place("words"), "utf8")).trim().split(" ")
  if (missing === undefined) stage.settings = (await onTerminal("true", []).ended).settings
})

afterAll(async () => await rm(stage.directory, { recursive: true, force: true }))

beforeEach((context) => context.skip(missing !== undefined, missing))

function newHome(name: string): readonly string[] {
  return ["--home", place(name), "--name", name, "--rpc-port", "0", "--passphrase-file", place("passphrase")]
}

async function answer(session: TerminalSession, question: RegExp, text: string): Promise<void> {
  await session.see(question)
  session.type(`${text}\r`)
}

/** The numbered words on the screen, in order. */
async function readWords(session: TerminalSession, count: number): Promise<readonly string[]> {
  const [shown] = await session.see(new RegExp(`\\b1\\. [^]*\\b${count}\\. [a-z]+`))
  return [...shown.matchAll(/(\d+)\. ([a-z]+)/g)].toSorted((a, b) => Number(a[1]) - Number(b[1])).map((match) => match[2] ?? "")
}

async function confirm(session: TerminalSession, words: readonly string[], asked: number): Promise<void> {
  for (let each = 0; each < asked; each++) {
    const [, position] = await session.see(/Word (\d+): /)
    session.type(`${words[Number(position) - 1] ?? ""}\r`)
  }
}

/** What is on the screen in the end. */
function left(screen: string): string {
  return screen.slice(screen.lastIndexOf(CLEARED))
}

describe("root shares on a terminal", () => {
  test("reads the words, then shows each share on a screen of its own and asks two words of it back", async () => {
    await using session = keygrove("root", "shares", "-m", "2", "-n", "3", "--home", stage.home)
    await answer(session, /all 24: /, stage.words.join(" "))
    const shares: (readonly string[])[] = []
    for (const number of [1, 2, 3]) {
      await answer(session, new RegExp(`ready to write down share ${number} of 3\\. `), "")
      await session.see(new RegExp(`share ${number} of 3\\. Any 2 of the 3 open the root key`))
      const words = await readWords(session, 33)
      await answer(session, /Word \d+: /, "zebra-crossing")
      await session.see(/That is not word \d+; look at your paper/)
      await confirm(session, words, 2)
      await session.see(new RegExp(`share ${number} of 3 is confirmed`))
      shares.push(words)
    }
    const end = await session.ended
    expect(end).toMatchObject({ exitStatus: 0, settings: stage.settings })
    expect(left(end.screen)).toMatch(/share 3 of 3 is confirmed\.\s+shares {2}3 of cluster [0-9a-f]{64}; any 2 open its root/)
    // One screen for the words that were typed, and for each share one before it and one after.
    expect(end.screen.split(CLEARED)).toHaveLength(8)
    for (const screen of end.screen.split(CLEARED))
      expect(shares.filter((words) => screen.includes(`33. ${words[32] ?? ""}`)).length).toBeLessThanOrEqual(1)
    stage.shares = shares.map((words) => [...words])
  })

  test("three wrong answers end it, and it says which shares to destroy", async () => {
    await using session = keygrove("root", "shares", "-m", "2", "-n", "3", "--home", stage.home, "--words-file", place("words"))
    await answer(session, /share 1 of 3\. /, "")
    await confirm(session, await readWords(session, 33), 2)
    await answer(session, /share 2 of 3\. /, "")
    for (const wrong of ["one", "two", "three"]) await answer(session, /Word \d+: /, wrong)
    const end = await session.ended
    expect(end).toMatchObject({ exitStatus: 2, settings: stage.settings })
    expect(left(end.screen)).toMatch(/WORDS_NOT_CONFIRMED: word \d+ of share 2 was not .* destroy shares 1 to 2 and run it again/)
  })

  test.each([
    ["the words", /all 24: /],
    ["the next person", /ready to write down/],
    ["a word", /Word \d+: /],
  ])("^C at %s leaves no words and gives the terminal back", async (_name, question) => {
    const file = question.source.startsWith("all") ? [] : ["--words-file", place("words")]
    await using session = keygrove("root", "shares", "-m", "2", "-n", "2", "--home", stage.home, ...file)
    if (question.source.startsWith("Word")) await answer(session, /ready to write down/, "")
    await session.see(question)
    session.type("half\u0003")
    const end = await session.ended
    expect(end).toMatchObject({ exitStatus: 130, settings: stage.settings })
    expect(left(end.screen)).not.toMatch(/\d+\. [a-z]{4,}/)
    expect(end.screen).toMatch(question.source.startsWith("Word") ? /stopped after 1 of the shares; destroy/ : /nothing was changed/)
  })
})

describe("shares that are typed", () => {
  test("make the node again, after wrong ones of every kind", async () => {
    const [one = [], two = [], three = []] = stage.shares
    await using session = keygrove("init", "--recover", "--shares", ...newHome("again"))
    await answer(session, /all 33: /, three.with(4, "zzzz").join(" "))
    await answer(session, /word 5 of the share is not in the SLIP-39 list[^]*all 33: /, three.toReversed().join(" "))
    await answer(session, /do not belong together[^]*all 33: /, three.slice(0, 12).join(" "))
    await answer(session, /… /, three.slice(12).join(" ").toUpperCase())
    await session.see(/share 3 is right; still needed: 1 more share\./)
    await answer(session, /all 33: /, three.join(" "))
    await answer(session, /share 3 was given already[^]*all 33: /, two.slice(0, 20).join(" "))
    await answer(session, /… /, "")
    await answer(session, /the share has 20 words|do not belong together/, one.join(" "))
    const end = await session.ended
    expect(end).toMatchObject({ exitStatus: 0, settings: stage.settings })
    expect(left(end.screen)).toMatch(new RegExp(`share 1 is right\\.\\s+node {2}/again of cluster ${stage.cluster}`))
  })

  test("show the words again", async () => {
    const [, two = [], three = []] = stage.shares
    await using session = keygrove("root", "words", "--shares", "--home", stage.home)
    for (const share of [two, three]) await answer(session, /all 33: /, share.join(" "))
    await session.see(/24 words are your root key/)
    const words = await readWords(session, 24)
    expect(words).toEqual(stage.words)
    await confirm(session, words, 3)
    const end = await session.ended
    expect(end).toMatchObject({ exitStatus: 0, settings: stage.settings })
    expect(left(end.screen)).toMatch(/The words are confirmed\.\s+the words of cluster [0-9a-f]{64} are shown/)
  })
})

describe("a passphrase of the words", () => {
  test("is asked twice before new words are shown, without echo, and makes another root of them", async () => {
    await using session = keygrove("init", "--words-passphrase", "--words-out", place("words-2"), ...newHome("guarded"))
    await answer(session, /Passphrase of the words: /, OF_WORDS)
    await answer(session, /The same again: /, "something else")
    await answer(session, /typed differently[^]*Passphrase of the words: /, OF_WORDS)
    await answer(session, /The same again: /, OF_WORDS)
    const end = await session.ended
    expect(end).toMatchObject({ exitStatus: 0, settings: stage.settings })
    expect(end.screen).not.toContain(OF_WORDS)
  })

  test("is asked once where the cluster is known; another one is another root", async () => {
    const verify = ["root", "verify", "--words-file", place("words-2"), "--words-passphrase", "--home", place("guarded")]
    await using wrong = keygrove(...verify)
    await answer(wrong, /Passphrase of the words: /, OF_WORDS.toLowerCase())
    const refused = await wrong.ended
    expect(refused).toMatchObject({ exitStatus: 4, settings: stage.settings })
    expect(refused.screen).toMatch(/WORDS_OF_ANOTHER_ROOT: .*or their passphrase/)
    // Decomposed, as some keyboards send it.
    await using right = keygrove(...verify)
    await answer(right, /Passphrase of the words: /, OF_WORDS.normalize("NFD"))
    expect((await right.ended).screen).toMatch(/right: the root of cluster/)
  })

  test("is asked twice where a recovery compares with nothing", async () => {
    const options = ["--recover", "--words-file", place("words-2"), "--words-passphrase", ...newHome("guarded-again")]
    await using session = keygrove("init", ...options)
    await answer(session, /Passphrase of the words: /, OF_WORDS)
    await answer(session, /The same again: /, OF_WORDS)
    expect(await session.ended).toMatchObject({ exitStatus: 0 })
  })
})

test("nothing was left behind but what was asked for", () => {
  const names = ["again", "guarded", "guarded-again", "home", "passphrase", "words", "words-2"]
  expect(readdirSync(stage.directory).toSorted()).toEqual(names)
})
