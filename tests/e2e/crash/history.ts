import { readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import type { Grove, GroveMember } from "../../../packages/apps/cli/src/grove/grove.ts"
import { runKeygrove, type KeygroveAnswer } from "../../../packages/apps/cli/src/grove/keygrove-process.ts"
import { processTree } from "../../../packages/apps/cli/src/grove/peak-memory.ts"

/** Uniform numbers in [0, 1) from a seed (mulberry32), so that a failing history can be tried again. */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export interface CrashWorld {
  readonly grove: Grove
  readonly entry: string
  readonly signal: AbortSignal
  readonly random: () => number
  /** The reader's identity. */
  readonly reader: string
  /** A file to encrypt. */
  readonly plain: string
}

/** What was acknowledged so far, and so must never be lost. */
export interface Acknowledged {
  readonly granted: Set<string>
  readonly revoked: Set<string>
}

const LABEL = "crash"
/** Longest delay before the kill: as long as the slowest operation takes, so that every moment of it can be hit. */
const MAX_DELAY_MS = 600

/** One round: begin an operation, kill a process of it at a random moment, start what was killed again, and note what was acknowledged. */
export async function crashRound(world: CrashWorld, acknowledged: Acknowledged): Promise<string> {
  const operation = pick(world, ["grant", "revoke", "encrypt"] as const)
  const victim = pick(
    world,
    world.grove.members.filter(({ role }) => role !== "reader"),
  )
  const target = pick(world, ["node", "keystore"] as const)
  const delayMs = Math.floor(world.random() * MAX_DELAY_MS)
  const running = operate(world, operation, acknowledged)
  await new Promise((resolve) => setTimeout(resolve, delayMs))
  const pid = await pidOf(victim)
  const [node, keystore] = processTree(pid)
  const killed = target === "node" ? node : keystore
  if (killed !== undefined) process.kill(killed, "SIGKILL")
  await running
  // A node without its keystore goes on locked; a power cut would take it along.
  if (killed === keystore && node !== undefined) process.kill(node, "SIGKILL")
  await restart(world, victim)
  return `${operation}, ${victim.name} ${target} killed after ${delayMs} ms`
}

/** Asserts by asking the running nodes: nothing acknowledged is lost. Returns what is wrong. */
export async function lostOf(world: CrashWorld, acknowledged: Acknowledged): Promise<readonly string[]> {
  const owner = world.grove.member("laptop")
  const answer = await keygrove(world, owner, ["policy", "list"])
  const policies = answer.answer["policies"]
  const states = new Map(
    Array.isArray(policies) ? policies.map((each: { readonly id: string; readonly state: string }) => [each.id, each.state]) : [],
  )
  return [
    ...[...acknowledged.granted]
      .filter((id) => !acknowledged.revoked.has(id) && states.get(id) === undefined)
      .map((id) => `granted ${id} is gone`),
    ...[...acknowledged.revoked].filter((id) => states.get(id) !== "revoked").map((id) => `revoked ${id} is ${states.get(id) ?? "gone"}`),
  ]
}

/** Whether the reader gets the very bytes back through the newest policy, after everything that happened. */
export async function readerOpens(world: CrashWorld): Promise<KeygroveAnswer> {
  const owner = world.grove.member("laptop")
  const sealed = join(world.grove.directory, "final.kg")
  const opened = join(world.grove.directory, "final.out")
  await Promise.all([rm(sealed, { force: true }), rm(opened, { force: true })])
  const encrypted = await keygrove(world, owner, ["encrypt", world.plain, "--label", LABEL, "-o", sealed])
  if (encrypted.exitStatus !== 0) return encrypted
  const granted = await keygrove(world, owner, ["grant", LABEL, "--to", world.reader, "-m", "2", "-n", "3", "--expires", "1d"])
  if (granted.exitStatus !== 0) return granted
  const decrypted = await keygrove(world, world.grove.member("bob"), ["decrypt", sealed, "-o", opened])
  if (decrypted.exitStatus !== 0) return decrypted
  const same = (await readFile(opened)).equals(await readFile(world.plain))
  return same ? decrypted : { ...decrypted, exitStatus: 1, answer: { message: "the reader got other bytes" } }
}

/** Runs one command with `--json`. */
export async function keygrove(
  world: Pick<CrashWorld, "entry" | "signal">,
  member: GroveMember,
  args: readonly string[],
): Promise<KeygroveAnswer> {
  return await runKeygrove(args, { home: member.home, signal: world.signal, entry: world.entry })
}

async function operate(world: CrashWorld, operation: "grant" | "revoke" | "encrypt", acknowledged: Acknowledged): Promise<void> {
  const owner = world.grove.member("laptop")
  if (operation === "encrypt") return await encryptOnce(world, owner)
  if (operation === "grant") {
    const { answer, exitStatus } = await keygrove(world, owner, [
      "grant",
      LABEL,
      "--to",
      world.reader,
      "-m",
      "2",
      "-n",
      "3",
      "--expires",
      "1d",
    ])
    if (exitStatus === 0) acknowledged.granted.add(String(answer["policy"]))
    return
  }
  const [standing] = [...acknowledged.granted].filter((id) => !acknowledged.revoked.has(id))
  if (standing === undefined) return
  const { exitStatus } = await keygrove(world, owner, ["revoke", standing])
  if (exitStatus === 0) acknowledged.revoked.add(standing)
}

/** An encryption leaves a complete file or none. */
async function encryptOnce(world: CrashWorld, owner: GroveMember): Promise<void> {
  const sealed = join(world.grove.directory, "round.kg")
  await rm(sealed, { force: true })
  const { exitStatus } = await keygrove(world, owner, ["encrypt", world.plain, "--label", LABEL, "-o", sealed])
  const inspected = await keygrove(world, owner, ["inspect", sealed])
  if (exitStatus === 0 && inspected.exitStatus !== 0) throw new Error("an acknowledged encryption left no file")
}

/** Brings a member back. */
async function restart(world: CrashWorld, victim: GroveMember): Promise<void> {
  const up = await keygrove(world, victim, ["up", "--detach"])
  if (up.exitStatus !== 0) throw new Error(`${victim.name} does not start again: ${JSON.stringify(up.answer)}`)
}

async function pidOf(member: GroveMember): Promise<number> {
  return Number((await readFile(join(member.home, "node.pid"), "utf8").catch(() => String(member.pid))).trim())
}

function pick<T>({ random }: Pick<CrashWorld, "random">, choices: readonly T[]): T {
  const chosen = choices[Math.floor(random() * choices.length)]
  if (chosen === undefined) throw new RangeError("nothing to choose from")
  return chosen
}
