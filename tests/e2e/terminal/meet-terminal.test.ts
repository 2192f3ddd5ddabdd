import { randomBytes } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { entry } from "../bundle.ts"
import { runCommand } from "../command.ts"
import { missingTerminal, onTerminal, type TerminalSession } from "./terminal-session.ts"

const missing = missingTerminal()
const stage = { directory: "", ann: "", bob: "" }

const onAnnsTerminal = (...args: readonly string[]): TerminalSession => onTerminal(process.execPath, [entry, ...args, "--home", stage.ann])
const byBob = async (...args: readonly string[]): ReturnType<typeof runCommand> => await runCommand([...args, "--home", stage.bob])

/** Two nodes of two people, each on a ledger of its own. */
beforeAll(async () => {
  stage.directory = await mkdtemp(join(tmpdir(), "keygrove-meet-"))
  stage.ann = join(stage.directory, "ann")
  stage.bob = join(stage.directory, "bob")
  if (missing !== undefined) return
  const key = join(stage.directory, "key")
  await writeFile(key, randomBytes(32), { mode: 0o600 })
  for (const home of [stage.ann, stage.bob]) {
    const words = ["--words-out", join(stage.directory, "words"), "--key-file", key, "--rpc-port", "0"]
    await runCommand(["init", "--name", "desk", ...words, "--home", home])
    await rm(join(stage.directory, "words"))
    await runCommand(["up", "--detach", "--home", home])
  }
})

afterAll(async () => {
  if (missing === undefined) for (const home of [stage.ann, stage.bob]) await runCommand(["down", "--home", home])
  await rm(stage.directory, { recursive: true, force: true })
})

beforeEach((context) => context.skip(missing !== undefined, missing))

/** Ann shows a code on her terminal, and Bob's node has used it: the words that each sees. */
async function compare(session: TerminalSession): Promise<{ readonly meeting: string; readonly words: string }> {
  await session.see(/\[30;107m[ █▀▄]{40,}/u)
  const [, code = ""] = await session.see(/keygrove meet (kgmeet1[a-z0-9]+)/)
  const met = await byBob("meet", code, "--json")
  const answer: { readonly meeting: string; readonly words: readonly string[] } = JSON.parse(met.stdout)
  const [, words = ""] = await session.see(/words +([a-z]+ [a-z]+ [a-z]+ [a-z]+)/)
  expect(words).toBe(answer.words.join(" "))
  await session.see(/does the other side show the same four words\? \[y\/N\] /)
  return { meeting: answer.meeting, words }
}

describe("meet on a terminal", () => {
  test("shows a QR code and the words, and trusts nobody who is not confirmed", async () => {
    await using session = onAnnsTerminal("meet")
    const { meeting, words } = await compare(session)
    session.type("n\r")
    const { exitStatus, screen } = await session.ended
    expect(exitStatus).toBe(4)
    expect(screen).toMatch(/NOT_CONFIRMED: the words were not confirmed/)
    const other = await byBob("meet", "--meeting", meeting, "--confirm-words", words)
    expect([other.exitStatus, other.stderr]).toEqual([4, expect.stringMatching(/MEETING_CANCELLED|MEETING_NOT_COMPARED/)])
  })

  test("takes the question back when the other side gives up", async () => {
    await using session = onAnnsTerminal("meet")
    const { meeting } = await compare(session)
    expect((await byBob("meet", "--meeting", meeting, "--confirm-words", "able able able able")).exitStatus).toBe(4)
    const { exitStatus, screen } = await session.ended
    expect(exitStatus).toBe(4)
    expect(screen).toMatch(/MEETING_CANCELLED: the other side cancelled the meeting/)
  })

  test("trusts whom both confirm", async () => {
    await using session = onAnnsTerminal("meet", "--name", "bob")
    const { meeting, words } = await compare(session)
    session.type("y\r")
    await session.see(/confirmed; waiting for the other side/)
    expect((await byBob("meet", "--meeting", meeting, "--confirm-words", words)).exitStatus).toBe(0)
    const { exitStatus, screen } = await session.ended
    expect(exitStatus).toBe(0)
    expect(screen).toMatch(/cluster [0-9a-f]{64} \(bob\) is trusted now/)
  })
})
