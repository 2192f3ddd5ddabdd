import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { processTree } from "../../../packages/apps/cli/src/grove/peak-memory.ts"
import { entry } from "../bundle.ts"
import { runCommand } from "../command.ts"
import { missingTerminal, onTerminal, type TerminalSession } from "./terminal-session.ts"

const PASSPHRASE = "correct horse battery"
const missing = missingTerminal()
/** One home for all: made on the terminal by the first test. */
const stage = { directory: "", home: "", words: [""], settings: "" }

const keygrove = (...args: readonly string[]): TerminalSession => onTerminal(process.execPath, [entry, ...args, "--home", stage.home])

beforeAll(async () => {
  stage.directory = await mkdtemp(join(tmpdir(), "keygrove-tty-"))
  stage.home = join(stage.directory, "home")
  if (missing === undefined) stage.settings = (await onTerminal("true", []).ended).settings
})

afterAll(async () => await rm(stage.directory, { recursive: true, force: true }))

beforeEach((context) => context.skip(missing !== undefined, missing))

async function answer(session: TerminalSession, question: RegExp, text: string): Promise<void> {
  await session.see(question)
  session.type(`${text}\r`)
}

async function choosePassphrase(session: TerminalSession): Promise<void> {
  await answer(session, /New passphrase: /, PASSPHRASE)
  await answer(session, /The same again: /, PASSPHRASE)
}

/** The words on the screen, in order. */
async function readWords(session: TerminalSession): Promise<readonly string[]> {
  const [shown] = await session.see(/24 words are your root key[^]*24\. [a-z]+/)
  return [...shown.matchAll(/(\d+)\. ([a-z]+)/g)].toSorted((a, b) => Number(a[1]) - Number(b[1])).map((match) => match[2] ?? "")
}

describe("init on a terminal", () => {
  test("asks for a passphrase without echo, shows the words, asks three back, and clears them away", async () => {
    await using session = keygrove("init", "--name", "desk", "--rpc-port", "0")
    await session.see(/New passphrase: /)
    const asking = await session.settings()
    expect(asking).toMatch(/-icanon/)
    expect(asking).toMatch(/-echo\b/)
    const [ceremony = -1] = processTree(session.pid).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("ceremony"))
    expect(readFileSync(`/proc/${ceremony}/limits`, "utf8")).toMatch(/^Max core file size +0 +0 /m)
    session.type("short\r")
    await answer(session, /has 5 bytes[^]*New passphrase: /, PASSPHRASE)
    await answer(session, /The same again: /, "something else")
    await session.see(/typed differently/)
    await choosePassphrase(session)
    const words = await readWords(session)
    await answer(session, /Word \d+: /, "zebra-crossing")
    await session.see(/That is not word \d+; look at your paper \(2 more tries\)/)
    for (let asked = 0; asked < 3; asked++) {
      const [, position] = await session.see(/Word (\d+): /)
      session.type(`${(words[Number(position) - 1] ?? "").toUpperCase()} \r`)
    }
    const end = await session.ended
    expect(end.exitStatus).toBe(0)
    expect(end.screen).not.toContain(PASSPHRASE)
    expect(end.screen).not.toContain("something else")
    expect(end.settings).toBe(stage.settings)
    const left = end.screen.slice(end.screen.lastIndexOf("\u001B[2J"))
    expect(left).toMatch(/The words are confirmed\.\s+node {2}\/desk of cluster /)
    expect(words).toHaveLength(24)
    stage.words = [...words]
  })

  test.each([
    ["the passphrase", 0],
    ["the passphrase again", 1],
    ["a word", 2],
  ])("^C at %s makes nothing, gives the terminal back and ends with 130", async (_name, steps) => {
    const home = join(stage.directory, "never")
    await using session = onTerminal(process.execPath, [entry, "init", "--rpc-port", "0", "--home", home])
    if (steps > 0) await answer(session, /New passphrase: /, PASSPHRASE)
    if (steps > 1) await answer(session, /The same again: /, PASSPHRASE)
    await session.see([/New passphrase: /, /The same again: /, /Word \d+: /][steps] ?? /never/)
    session.type("half\u0003")
    const end = await session.ended
    expect(end).toMatchObject({ exitStatus: 130, settings: stage.settings })
    expect(end.screen).toMatch(/^(?:.*J)?PROMPT_INTERRUPTED: .+\r$/m)
    expect(readdirSync(stage.directory)).toEqual(["home"])
  })

  test("three wrong answers end it, and nothing was made", async () => {
    await using session = onTerminal(process.execPath, [entry, "init", "--rpc-port", "0", "--home", join(stage.directory, "never")])
    await choosePassphrase(session)
    for (const wrong of ["one", "two", "three"]) await answer(session, /Word \d+: /, wrong)
    const end = await session.ended
    expect(end).toMatchObject({ exitStatus: 2, settings: stage.settings })
    expect(end.screen).toMatch(/^.*J?WORDS_NOT_CONFIRMED: /m)
    expect(readdirSync(stage.directory)).toEqual(["home"])
  })

  test("the words make the same cluster again, in several lines and any case, after wrong ones", async () => {
    const home = join(stage.directory, "again")
    const { words } = stage
    await using session = onTerminal(process.execPath, [entry, "init", "--recover", "--name", "second", "--rpc-port", "0", "--home", home])
    await choosePassphrase(session)
    await answer(session, /all 24: /, words.slice(1).join(" "))
    await answer(session, /… /, "")
    await answer(session, /there are 23 words[^]*all 24: /, ["zzzz", ...words.slice(1)].join(" "))
    await answer(session, /word 1 is not in the [^]*all 24: /, `  ${words.slice(0, 7).join("   ").toUpperCase()}`)
    await answer(session, /… /, `\t${words.slice(7).join(" ")}`)
    const end = await session.ended
    expect(end.exitStatus).toBe(0)
    expect(end.screen).toContain(`of cluster ${await clusterOf(stage.home)}`)
  })
})

describe("up on a terminal", () => {
  test.each([["in the foreground"], ["detached"]])("%s: a wrong passphrase and ^C end it; the home stays as it was", async (how) => {
    const detach = how === "detached" ? ["--detach"] : []
    await using wrong = keygrove("up", ...detach)
    await answer(wrong, /Passphrase: /, "wrong horse battery")
    const refused = await wrong.ended
    expect(refused).toMatchObject({ exitStatus: 1, settings: stage.settings })
    expect(refused.screen).toMatch(/^KEYSTORE_PASSPHRASE_WRONG: .+\r$/m)
    expect(refused.screen).not.toContain("wrong horse")
    await using interrupted = keygrove("up", ...detach)
    await interrupted.see(/Passphrase: /)
    interrupted.type("correct\u0003")
    const end = await interrupted.ended
    expect(end).toMatchObject({ exitStatus: 130, settings: stage.settings })
    expect(end.screen).toMatch(/^(?:.*J)?PROMPT_INTERRUPTED: .+\r$/m)
    expect(existsSync(join(stage.home, "node.pid"))).toBe(false)
  })

  test("a signal, and the death of the node that asks, give the terminal back", async () => {
    await using stopped = keygrove("up", "--detach")
    await stopped.see(/Passphrase: /)
    stopped.signal("SIGTERM")
    expect(await stopped.ended).toMatchObject({ exitStatus: 130, settings: stage.settings })
    // A shell stays on the terminal, so that it can still be looked at when the command has ended.
    await using orphaned = onTerminal("sh", [
      "-c",
      '"$@"; echo "status $?"; cat',
      "sh",
      process.execPath,
      entry,
      "up",
      "--home",
      stage.home,
    ])
    await orphaned.see(/Passphrase: /)
    process.kill(Number(readFileSync(join(stage.home, "node.pid"), "utf8")), "SIGKILL")
    await orphaned.see(/status 1/)
    await expect.poll(async () => await orphaned.settings()).toBe(stage.settings)
  })

  test("the passphrase serves, detached, and neither it nor the terminal stays with any process", async () => {
    await using session = keygrove("up", "--detach")
    await answer(session, /Passphrase: /, `nonsense\u0015${PASSPHRASE.slice(0, -1)}x\u007F${PASSPHRASE.at(-1)}`)
    const end = await session.ended
    expect(end).toMatchObject({ exitStatus: 0, settings: stage.settings })
    const pid = Number(/serving as process (\d+)/.exec(end.screen)?.[1])
    for (const each of processTree(pid)) {
      for (const file of ["cmdline", "environ"]) expect(readFileSync(`/proc/${each}/${file}`, "latin1")).not.toContain(PASSPHRASE)
      const links = readdirSync(`/proc/${each}/fd`).map((fd) => linkOf(`/proc/${each}/fd/${fd}`))
      expect(links.filter((link) => /\/dev\/(tty|pts)/.test(link))).toEqual([])
    }
    expect(await runCommand(["down", "--home", stage.home])).toMatchObject({ exitStatus: 0, stdout: "stopped\n" })
  })

  test("in the foreground, ^C after the start stops it in order", async () => {
    await using session = keygrove("up")
    await answer(session, /Passphrase: /, PASSPHRASE)
    await session.see(/serving \/desk/)
    session.type("\u0003")
    expect(await session.ended).toMatchObject({ exitStatus: 0, settings: stage.settings })
    expect(existsSync(join(stage.home, "node.pid"))).toBe(false)
  })
})

async function clusterOf(home: string): Promise<string> {
  const end = await runCommand(["status", "--json", "--home", home])
  expect(end.exitStatus).toBe(6)
  return String(JSON.parse(end.stdout).cluster)
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return "" // Closed since it was listed.
  }
}
