import { randomBytes } from "node:crypto"
import { SimulatedClock } from "@keygrove/memory"
import { beforeEach, describe, expect, test } from "vitest"
import {
  ConsoleSessions,
  IDLE_MS,
  MAX_LIFE_MS,
  MAX_SESSION_CALLS,
  MAX_SESSIONS,
  SESSION_RATE,
  type ConsoleSession,
  type SessionSecrets,
} from "./console-sessions.ts"

let clock: SimulatedClock
let sessions: ConsoleSessions
beforeEach(() => {
  clock = new SimulatedClock()
  sessions = new ConsoleSessions({ clock, randomBytes, cookiePrefix: "keygrove-console-7411-" })
})

function find({ cookie, cookieName, pageKey }: SessionSecrets, cookies: readonly string[] = [cookie]): ConsoleSession | undefined {
  return sessions.find(pageKey, (name) => (name === cookieName ? cookies : []))
}

function use(secrets: SessionSecrets, isPersonThere: boolean): boolean {
  const session = find(secrets)
  if (session === undefined) return false
  using work = sessions.begin(session, isPersonThere)
  return work !== undefined
}

describe("a session", () => {
  test("needs both halves, of the same session", () => {
    const [one, other] = [sessions.open("uid:1000"), sessions.open("node")]
    expect(find(one)?.caller).toBe("uid:1000")
    expect(find({ ...one, pageKey: other.pageKey })).toBeUndefined()
    expect(find({ ...one, cookie: other.cookie })).toBeUndefined()
    expect(find({ ...one, pageKey: "" })).toBeUndefined()
    expect(find(one, [])).toBeUndefined()
    expect(new Set([one.cookie, one.pageKey, other.cookie, other.pageKey]).size).toBe(4)
    for (const secret of [one.cookie, one.pageKey]) expect(secret).toMatch(/^[0-9a-f]{64}$/)
    expect(one.cookieName).toMatch(/^keygrove-console-7411-[0-9a-f]{8}$/)
  })

  test("is found although a page of another port set a cookie of its name", () => {
    const secrets = sessions.open("node")
    expect(find(secrets, ["planted", secrets.cookie])).toBeDefined()
  })

  test("ends after 15 minutes without the person, whatever the page asks meanwhile", async () => {
    const secrets = sessions.open("node")
    await clock.advance(IDLE_MS - 1)
    expect(use(secrets, true)).toBe(true)
    await clock.advance(IDLE_MS - 1)
    expect(use(secrets, false)).toBe(true)
    await clock.advance(1)
    expect(find(secrets)).toBeUndefined()
  })

  test("ends after eight hours, whatever the person does meanwhile", async () => {
    const secrets = sessions.open("node")
    for (let left = MAX_LIFE_MS - 1; left > 0; left -= IDLE_MS - 1) {
      await clock.advance(Math.min(left, IDLE_MS - 1))
      expect(use(secrets, true)).toBe(true)
    }
    await clock.advance(1)
    expect(find(secrets)).toBeUndefined()
  })

  test("does not live longer because the clock was set back", async () => {
    const secrets = sessions.open("node")
    await clock.advance(-3_600_000)
    expect(find(secrets)).toBeDefined()
    await clock.advance(IDLE_MS)
    expect(find(secrets)).toBeUndefined()
  })

  test("is closed by itself, or with all others", () => {
    const [one, other] = [sessions.open("node"), sessions.open("node")]
    const session = find(one)
    if (session !== undefined) sessions.close(session)
    expect([find(one), find(other)?.caller]).toEqual([undefined, "node"])
    expect(session === undefined ? undefined : sessions.begin(session, true)).toBeUndefined()
    expect([sessions.hasCookie(one.cookieName), sessions.hasCookie(other.cookieName)]).toEqual([false, true])
    const last = find(other)
    const work = last === undefined ? undefined : sessions.begin(last, false)
    expect(work?.signal.aborted).toBe(false)
    sessions.clear()
    expect(find(other)).toBeUndefined()
    expect(work?.signal.reason).toMatchObject({ code: "CONSOLE_SESSION_ENDED" })
  })
})

describe("limits", () => {
  test("one session more than there may be ends the one that was idle longest", async () => {
    const made: SessionSecrets[] = []
    for (let count = 0; count < MAX_SESSIONS; count++) {
      await clock.advance(1)
      made.push(sessions.open("node"))
    }
    const [first, second] = made
    await clock.advance(1)
    if (first !== undefined) expect(use(first, true)).toBe(true)
    sessions.open("node")
    expect(made.filter((secrets) => find(secrets) === undefined)).toEqual([second])
  })

  test("a session has so many requests at a time", () => {
    const session = find(sessions.open("node"))
    if (session === undefined) throw new Error("it was just opened")
    const under = Array.from({ length: MAX_SESSION_CALLS }, () => sessions.begin(session, false))
    expect(sessions.begin(session, false)).toBeUndefined()
    under[0]?.[Symbol.dispose]()
    expect(sessions.begin(session, false)).toBeDefined()
  })

  test("a session has so many requests at once, and then as many as trickle in", async () => {
    const secrets = sessions.open("node")
    const taken = Array.from({ length: SESSION_RATE.burst + 5 }, () => use(secrets, false))
    expect(taken.filter(Boolean)).toHaveLength(SESSION_RATE.burst)
    await clock.advance(1_000)
    expect(use(secrets, false)).toBe(true)
  })
})
