import { randomBytes } from "node:crypto"
import { SimulatedClock } from "@keygrove/memory"
import { beforeEach, describe, expect, test } from "vitest"
import { LINK_LIFE_MS, LoginLinks, MAX_LINKS } from "./login-links.ts"

let clock: SimulatedClock
let links: LoginLinks
beforeEach(() => {
  clock = new SimulatedClock()
  links = new LoginLinks({ clock, randomBytes })
})

const INVALID = { ok: false, code: "CONSOLE_LINK_INVALID" }

describe("a link", () => {
  test("logs in once, as whoever asked for it", () => {
    const { expiresAt, token } = links.make("uid:1000")
    expect(Buffer.from(token, "base64url")).toHaveLength(32)
    expect(expiresAt).toBe(clock.now() + LINK_LIFE_MS)
    expect(links.take(token)).toEqual({ ok: true, value: "uid:1000" })
    expect(links.take(token)).toMatchObject({ ...INVALID, message: expect.stringContaining("was used before") })
  })

  test("lives for two minutes, and what was used is forgotten then, too", async () => {
    const [used, unused] = [links.make("node"), links.make("node")]
    await clock.advance(LINK_LIFE_MS - 1)
    expect(links.take(used.token).ok).toBe(true)
    await clock.advance(1)
    for (const { token } of [used, unused])
      expect(links.take(token)).toMatchObject({ ...INVALID, message: expect.stringContaining("has ended") })
  })

  test("is none that was never made, nor its hash, nor a part of it", () => {
    const { token } = links.make("node")
    for (const wrong of ["", token.slice(0, -1), `${token}=`, token.toLowerCase(), `${token} `])
      expect(links.take(wrong)).toMatchObject(INVALID)
    expect(links.take(token).ok).toBe(true)
  })

  test("is one of at most eight; the oldest goes first", () => {
    const made = Array.from({ length: MAX_LINKS + 1 }, () => links.make("node").token)
    expect(made.map((token) => links.take(token).ok)).toEqual([false, ...Array.from({ length: MAX_LINKS }, () => true)])
  })

  test("ends with all others", () => {
    const { token } = links.make("node")
    links.clear()
    expect(links.take(token)).toMatchObject(INVALID)
  })

  test("tells nothing in a refusal", () => {
    const { token } = links.make("node")
    links.take(token)
    expect(JSON.stringify([links.take(token), links.take("x".repeat(43))])).not.toMatch(new RegExp(`${token}|x{43}`))
  })
})
