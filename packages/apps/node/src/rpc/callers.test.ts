import { randomBytes } from "node:crypto"
import { apiMethods, isMethodName } from "@keygrove/api"
import { SimulatedClock } from "@keygrove/memory"
import fc from "fast-check"
import { beforeEach, describe, expect, test } from "vitest"
import { Callers, FAILURE_RATE, type CallOrigin } from "./callers.ts"
import { KEY_USES, makeRpcUser, verifierOf } from "./rpc-user.ts"

const loopback: CallOrigin = { place: "loopback" }
const local: CallOrigin = { place: "socket", uid: 1234 }
const backup = makeRpcUser({ name: "backup" }, randomBytes)
const signer = makeRpcUser({ name: "signer", methods: ["key.sign"] }, randomBytes)
const basic = (name: string, password: string): string => `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`

const state: { clock: SimulatedClock; callers: Callers; lines: string[] } = {
  clock: new SimulatedClock(),
  callers: new Callers({ users: [], clock: new SimulatedClock(), log: () => undefined }),
  lines: [],
}
beforeEach(() => {
  state.clock = new SimulatedClock()
  state.lines = []
  state.callers = new Callers({ users: [backup.user, signer.user], clock: state.clock, log: (line) => void state.lines.push(line) })
})

function identify(authorization: string | undefined, origin: CallOrigin = loopback): string {
  const identified = state.callers.identify(authorization, origin)
  return identified.ok ? identified.value.caller : identified.code
}

describe("a verifier", () => {
  test("is what bitcoind's rpcauth.py makes of the same salt and password", () => {
    // share/rpcauth/rpcauth.py: hmac.new(salt.encode('utf-8'), password.encode('utf-8'), 'SHA256').hexdigest(), evaluated with Python 3.
    expect(verifierOf("correct horse battery staple", "00112233445566778899aabbccddeeff")).toBe(
      "2d72c6e4d755be2a8795b131e5b9f2ca8fba0995d323c15d96a49e72239204da",
    )
  })

  test("tells nothing of the password, and no two users share anything", () => {
    const again = makeRpcUser({ name: "backup" }, randomBytes)
    expect(JSON.stringify(backup.user)).not.toContain(backup.password)
    expect([again.user.salt, again.user.verifier, again.password]).not.toEqual([backup.user.salt, backup.user.verifier, backup.password])
    expect(Buffer.from(backup.password, "base64url")).toHaveLength(32)
  })
})

describe("who calls", () => {
  test("with the cookie is the owner: by the user id on the socket, as the node over TCP", () => {
    const [name = "", secret = ""] = state.callers.cookie.split(":")
    expect(identify(basic(name, secret), local)).toBe("uid:1234")
    expect(identify(basic(name, secret), { place: "socket" })).toBe(`uid:${process.getuid?.() ?? 0}`)
    expect(identify(basic(name, secret))).toBe("node")
  })

  test("with a password is the user of that name, on both places", () => {
    for (const origin of [local, loopback]) {
      expect(identify(basic("backup", backup.password), origin)).toBe("rpc:backup")
      expect(identify(basic("signer", signer.password).replace("Basic ", "basic  "), origin)).toBe("rpc:signer")
    }
  })

  test("may call what the configuration says, and without that use keys only", () => {
    const allowed = (authorization: string): readonly string[] => {
      const identified = state.callers.identify(authorization, loopback)
      if (!identified.ok) throw new Error(identified.code)
      return Object.keys(apiMethods).filter((method) => isMethodName(method) && identified.value.mayCall(method))
    }
    expect(new Set(allowed(basic("backup", backup.password)))).toEqual(new Set(KEY_USES))
    expect(allowed(basic("signer", signer.password))).toEqual(["key.sign"])
    expect(allowed(`Basic ${Buffer.from(state.callers.cookie).toString("base64")}`)).toEqual(Object.keys(apiMethods))
  })

  test("is nobody with anything else", () => {
    const { password, user } = backup
    const wrong = [
      undefined,
      "",
      "Basic",
      "Basic !",
      `Bearer ${password}`,
      basic("backup", ""),
      basic("backup", user.verifier),
      basic("signer", password),
      basic("Backup", password),
      basic("__proto__", password),
      basic("", password),
      `Basic ${Buffer.from("backup").toString("base64")}`,
    ]
    for (const authorization of wrong) expect([authorization, identify(authorization)]).toEqual([authorization, "RPC_UNAUTHORISED"])
    fc.assert(fc.property(fc.string(), fc.string(), (name, guess) => identify(basic(name, guess)).startsWith("RPC_")))
  })

  test("is nobody with the cookie of an earlier start, or the password of a user who was taken out", () => {
    const earlier = state.callers.cookie
    state.callers = new Callers({ users: [signer.user], clock: state.clock, log: () => undefined })
    expect(identify(`Basic ${Buffer.from(earlier).toString("base64")}`)).toBe("RPC_UNAUTHORISED")
    expect(identify(basic("backup", backup.password))).toBe("RPC_UNAUTHORISED")
    expect(identify(basic("signer", signer.password))).toBe("rpc:signer")
  })
})

describe("guessing", () => {
  const guess = (name: string, origin: CallOrigin = loopback): string => identify(basic(name, "guess"), origin)

  test("makes one name wait, on one place, and is told once a minute", async () => {
    const answers = Array.from({ length: FAILURE_RATE.burst + 5 }, () => guess("backup"))
    expect(answers).toEqual([
      ...Array.from({ length: FAILURE_RATE.burst }, () => "RPC_UNAUTHORISED"),
      ...Array.from({ length: 5 }, () => "RPC_FAILURES_LIMITED"),
    ])
    // Also the right password, or the answer would tell which guess was right.
    expect(identify(basic("backup", backup.password))).toBe("RPC_FAILURES_LIMITED")
    expect(identify(basic("backup", backup.password), local)).toBe("rpc:backup")
    expect(identify(basic("signer", signer.password))).toBe("rpc:signer")
    expect(identify(`Basic ${Buffer.from(state.callers.cookie).toString("base64")}`)).toBe("node")
    await state.clock.advance(1_000)
    expect([guess("backup"), guess("backup")]).toEqual(["RPC_UNAUTHORISED", "RPC_FAILURES_LIMITED"])
    await state.clock.advance(1_000)
    expect(identify(basic("backup", backup.password))).toBe("rpc:backup")
    expect(state.lines).toEqual([expect.stringMatching(/^RPC_FAILURES_LIMITED: .*the RPC user backup, on the loopback/)])
    await state.clock.advance(60_000)
    for (let count = 0; count < FAILURE_RATE.burst; count++) guess("backup")
    expect(state.lines).toHaveLength(2)
  })

  test("of names that nobody has is counted together, and never logged by name", () => {
    const answers = Array.from({ length: FAILURE_RATE.burst + 1 }, (_, index) => guess(`invented-${index}`))
    expect(answers.at(-2)).toBe("RPC_UNAUTHORISED")
    expect(answers.at(-1)).toBe("RPC_FAILURES_LIMITED")
    expect(identify(basic("backup", backup.password))).toBe("rpc:backup")
    expect(state.lines).toEqual([expect.not.stringContaining("invented")])
  })

  test("leaves those who know their password alone, however often they call", () => {
    for (let count = 0; count < 100; count++) expect(identify(basic("backup", backup.password))).toBe("rpc:backup")
  })
})
