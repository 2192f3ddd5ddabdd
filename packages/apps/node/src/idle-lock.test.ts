import { ok, refuse, type Result } from "@keygrove/base"
import { SimulatedClock } from "@keygrove/memory"
import { beforeEach, describe, expect, test } from "vitest"
import { IdleLock } from "./idle-lock.ts"

const MINUTE_MS = 60_000

interface World {
  readonly clock: SimulatedClock
  readonly lines: string[]
  readonly idle: IdleLock
  readonly locks: () => number
  readonly endKeystore: () => void
}
let world: World

function openWorld(answer: () => Result<true> = () => ok(true)): World {
  const [clock, lines, state] = [new SimulatedClock(), [] as string[], { locks: 0 }]
  const { promise: ended, resolve } = Promise.withResolvers<undefined>()
  const lock = async (): Promise<Result<true>> => {
    state.locks++
    const locked = await Promise.resolve(answer())
    if (locked.ok) resolve(undefined)
    return locked
  }
  const idle = new IdleLock({ minutes: 15, keystore: { ended, lock }, clock, log: (line) => void lines.push(line) })
  return { clock, lines, idle, locks: () => state.locks, endKeystore: () => resolve(undefined) }
}

beforeEach(() => {
  world = openWorld()
})

describe("an idle keystore", () => {
  test("is locked after so many minutes, once, and it is said", async () => {
    const { clock, idle, lines, locks } = world
    expect(idle.locksAt).toBe(clock.now() + 15 * MINUTE_MS)
    await clock.advance(15 * MINUTE_MS - 1)
    expect(locks()).toBe(0)
    await clock.advance(1)
    expect(locks()).toBe(1)
    await clock.advance(60 * MINUTE_MS)
    expect(locks()).toBe(1)
    expect(lines).toEqual([expect.stringMatching(/^IDLE_LOCKED: .*15 min,.*keygrove unlock/)])
    expect(idle.locksAt).toBeUndefined()
  })

  test("is none while somebody uses it, and for so long afterwards", async () => {
    const { clock, idle, locks } = world
    await clock.advance(10 * MINUTE_MS)
    const use = idle.use("key.sign")
    expect(idle.locksAt).toBeUndefined()
    await clock.advance(60 * MINUTE_MS)
    use?.[Symbol.dispose]()
    expect(idle.locksAt).toBe(clock.now() + 15 * MINUTE_MS)
    await clock.advance(15 * MINUTE_MS - 1)
    expect(locks()).toBe(0)
    await clock.advance(1)
    expect(locks()).toBe(1)
  })

  test.each(["node.status", "ledger.entries", "policy.list", "sshAgent.wait", "rpc.discover"] as const)(
    "%s is no use of it",
    async (method) => {
      const { clock, idle, locks } = world
      await clock.advance(10 * MINUTE_MS)
      expect(idle.use(method)).toBeUndefined()
      await clock.advance(5 * MINUTE_MS)
      expect(locks()).toBe(1)
    },
  )

  test.each(["key.sign", "key.list", "label.publicKey", "data.decryptKey", "policy.grant", "audit.list"] as const)(
    "%s is one",
    async (method) => {
      const { clock, idle, locks } = world
      await clock.advance(10 * MINUTE_MS)
      idle.use(method)?.[Symbol.dispose]()
      await clock.advance(5 * MINUTE_MS)
      expect(locks()).toBe(0)
      await clock.advance(10 * MINUTE_MS)
      expect(locks()).toBe(1)
    },
  )

  test("that somebody locked, and one whose node ends, is left alone", async () => {
    world.endKeystore()
    await world.clock.advance(60 * MINUTE_MS)
    expect(world.locks()).toBe(0)
    const other = openWorld()
    await other.idle[Symbol.asyncDispose]()
    await other.clock.advance(60 * MINUTE_MS)
    expect(other.locks()).toBe(0)
    expect([...world.lines, ...other.lines]).toEqual([])
  })

  test("that cannot be locked is told", async () => {
    const { clock, lines } = openWorld(() => refuse("KEYSTORE_GONE", "it has ended"))
    await clock.advance(15 * MINUTE_MS)
    expect(lines).toEqual([expect.stringMatching(/^KEYSTORE_GONE: /)])
  })
})
