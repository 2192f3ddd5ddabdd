import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { chmodSync, existsSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { ok, unwrap, type Result } from "@keygrove/base"
import { encodeInfo } from "@keygrove/crypto"
import { spawnKeystore, type KeystoreProcess } from "@keygrove/keystore"
import { SimulatedClock } from "@keygrove/memory"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { IdleLock } from "../../../packages/apps/node/src/idle-lock.ts"
import { bundle, entry } from "../bundle.ts"
import { childrenOf, isAlive, makeHome, makeStage, type TestHome } from "./node-process.ts"
import { asNobody, canRunAsNobody, giveToNobody, NOBODY } from "./other-user.ts"

const call = { signal: new AbortController().signal }
const onLinux = process.platform === "linux"
const MINUTE_MS = 60_000

interface World extends AsyncDisposable {
  readonly directory: string
  readonly home: TestHome
}
let world: World

beforeAll(async () => {
  const stage = await makeStage()
  chmodSync(stage.directory, 0o755)
  const home = await makeHome(stage.directory, "node")
  if (canRunAsNobody) {
    giveToNobody(home.directory)
    spawnSync("chown", [`${NOBODY}:${NOBODY}`, home.keyFile])
  }
  world = { ...stage, home }
})
afterAll(async () => await world[Symbol.asyncDispose]())

/** The user whom a keystore of these tests belongs to, and whoever tries to look into it: as root, both are nobody, for root may. */
const runner: readonly string[] = canRunAsNobody ? asNobody : []

async function openKeystore(): Promise<KeystoreProcess> {
  const { home } = world
  const files = ["--store", home.file("keystore.db"), "--audit", home.file("audit.db"), "--key-file", home.keyFile]
  const [command = "", ...args] = [...runner, process.execPath, join(bundle, "keystore.mjs"), "serve", ...files]
  return unwrap(await spawnKeystore({ command, args }, call))
}

/** Whether a program of the same user can open what shows a process's memory, its environment and its files. */
function seenBySameUser(pid: number): readonly boolean[] {
  const attempts = ["exec 3</proc/PID/mem", "head -c 1 /proc/PID/environ", "head -c 1 /proc/PID/maps", "ls /proc/PID/fd"]
  return attempts.map((attempt) => {
    const [program, ...args] = [...runner, "sh", "-c", attempt.replace("PID", String(pid))]
    const { status, stderr } = spawnSync(program, args, { encoding: "utf8" })
    if (status !== 0) expect(stderr).toMatch(/ermission denied/)
    return status === 0
  })
}

/** Waits for what another process does, which tells nobody. */
async function eventually(fact: () => boolean): Promise<void> {
  await expect.poll(fact, { timeout: 90_000, interval: 20 }).toBe(true)
}

describe.runIf(onLinux && (canRunAsNobody || process.getuid?.() !== 0))("other programs of the same user", () => {
  test("see an ordinary process of theirs", async () => {
    const [program, ...args] = [...runner, "sleep", "60"]
    const ordinary = spawn(program, args, { stdio: "ignore" })
    await eventually(() => seenBySameUser(ordinary.pid ?? -1).every(Boolean))
    ordinary.kill()
  })

  test("see nothing of a keystore that serves", async () => {
    await using keystore = await openKeystore()
    expect(seenBySameUser(keystore.pid)).toEqual([false, false, false, false])
    unwrap(await keystore.keystore.sign("message", encodeInfo(["keygrove/v1/request"]), call))
  })

  test.each(["SIGTERM", "the end of who started it"])(
    "see nothing of a ceremony before it has read its passphrase; it ends by %s",
    async (by) => {
      const home = join(world.directory, `closed-${by.length}`)
      mkdirSync(home, { mode: 0o700 })
      if (canRunAsNobody) giveToNobody(home)
      const files = ["--store", join(home, "keystore.db"), "--name", "closed", "--words-out", join(home, "words")]
      const [program = "", ...args] = [...runner, process.execPath, join(bundle, "keystore.mjs"), "ceremony", ...files]
      const child: ChildProcess = spawn(program, args, { stdio: ["ignore", "ignore", "inherit", "pipe", "pipe"] })
      await eventually(() => seenBySameUser(child.pid ?? -1).every((seen) => !seen))
      // It still waits for the passphrase: nothing was written.
      expect(existsSync(join(home, "words"))).toBe(false)
      const ended = once(child, "exit")
      if (by === "SIGTERM") child.kill(by)
      else hangUp(child)
      await ended
    },
  )
})

/** Closes the socket of whoever started it, and not where the passphrase would come from. */
function hangUp(child: ChildProcess): void {
  const socket = child.stdio[4]
  if (socket !== null && socket !== undefined) socket.destroy()
}

describe("a keystore process ends", () => {
  test.each(["SIGTERM", "SIGHUP"] as const)("by %s", async (signal) => {
    await using child = await openKeystore()
    process.kill(child.pid, signal)
    await child.keystore.ended
    await eventually(() => !isAlive(child.pid))
  })

  test("when nobody has used it for as long as is configured", async () => {
    await using child = await openKeystore()
    const [clock, lines] = [new SimulatedClock(), new Array<string>()]
    await using idle = new IdleLock({ minutes: 30, keystore: child.keystore, clock, log: (line) => void lines.push(line) })
    await clock.advance(29 * MINUTE_MS)
    {
      using _use = idle.use("key.list")
      unwrap(await child.keystore.keys.list({ limit: 1 }, { ...call, caller: "node" }))
    }
    await clock.advance(29 * MINUTE_MS)
    expect([child.keystore.state(), isAlive(child.pid)]).toEqual(["unlocked", true])
    await clock.advance(MINUTE_MS)
    await child.keystore.ended
    expect(child.keystore.state()).toBe("locked")
    await eventually(() => !isAlive(child.pid))
    const refused: Result<unknown> = await child.keystore.keys.list({ limit: 1 }, { ...call, caller: "node" })
    expect(refused.ok ? ok(true) : refused.code).toBe("KEYSTORE_LOCKED")
    await eventually(() => lines.length === 1)
    expect(lines).toEqual([expect.stringMatching(/^IDLE_LOCKED: /)])
  })

  test.runIf(onLinux)("when the command that holds a ceremony is killed", async () => {
    const home = join(world.directory, "orphaned")
    const args = [entry, "init", "--home", home, "--name", "orphaned", "--words-out", `${home}.words`, "--passphrase-file", "-"]
    // The passphrase never comes, and its pipe stays open: nothing but the parent's end can end the ceremony.
    const command = spawn(process.execPath, args, { stdio: ["pipe", "ignore", "inherit"] })
    await expect.poll(() => childrenOf(command.pid ?? -1).length, { timeout: 90_000, interval: 5 }).toBe(1)
    const [ceremony = -1] = childrenOf(command.pid ?? -1)
    command.kill("SIGKILL")
    await once(command, "exit")
    await eventually(() => !isAlive(ceremony))
    command.stdin.destroy()
    expect(existsSync(`${home}.words`)).toBe(false)
  })
})
