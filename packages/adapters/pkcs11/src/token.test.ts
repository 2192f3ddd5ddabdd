import { renameSync } from "node:fs"
import { join } from "node:path"
import { ok, refuse, Secret, unwrap, utf8, type Result } from "@keygrove/base"
import type { KeyBackendRefusal } from "@keygrove/service"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { altered, hasToken, LABEL, makeSoftHsm, PIN, type SoftHsm } from "./soft-hsm.fixture.ts"
import { Token, type TokenSession } from "./token.ts"

const call = { signal: new AbortController().signal }

/** Work that tells how many objects the token shows. */
const look = async ({ cryptoki, handle }: TokenSession): Promise<Result<number, KeyBackendRefusal>> => {
  cryptoki.C_FindObjectsInit(handle, [])
  const found = cryptoki.C_FindObjects(handle, 100)
  cryptoki.C_FindObjectsFinal(handle)
  return ok(found.length)
}

/** An error as the binding throws it. */
function failure(value: string): Error {
  return new Error(value)
}

test("a module that is not there, or none, is said to be unavailable", async () => {
  for (const module of ["/nowhere/module.so", import.meta.filename]) {
    using token = new Token({ module, label: LABEL, readPin: () => refuse("NEVER", "asked for a PIN") })
    const refusal = await token.run("look", look, call)
    expect(refusal).toMatchObject({ code: "PKCS11_UNAVAILABLE" })
    expect(refusal).toMatchObject({ message: expect.stringMatching(/^[^\n]+$/) })
  }
})

describe.runIf(hasToken)("a token of SoftHSM", () => {
  let hsm: SoftHsm
  const opened: Token[] = []
  const open = (...[extra, pin]: Parameters<SoftHsm["place"]>): Token => {
    const token = new Token(hsm.place(extra, pin))
    opened.push(token)
    return token
  }
  beforeEach(() => {
    hsm = makeSoftHsm()
  })
  afterEach(() => {
    for (const token of opened.splice(0)) token[Symbol.dispose]()
    hsm[Symbol.dispose]()
  })

  test("is found by its label and logged in to once", async () => {
    const pins: number[] = []
    const token = open({
      readPin: () => {
        pins.push(1)
        return ok(Secret.take(utf8(PIN)))
      },
    })
    const answers = await Promise.all(Array.from({ length: 20 }, async () => await token.run("look", look, call)))
    expect(answers.every((each) => each.ok)).toBe(true)
    expect(pins).toEqual([1])
  })

  test("of another label is absent, and there again as soon as it is", async () => {
    const token = open({ label: "elsewhere" })
    expect(await token.run("look", look, call)).toMatchObject({ code: "PKCS11_TOKEN_ABSENT", message: expect.stringContaining("no token") })
    hsm.run("softhsm2-util", ["--init-token", "--free", "--label", "elsewhere", "--so-pin", "so-pin-1234", "--pin", PIN])
    expect(await token.run("look", look, call)).toEqual({ ok: true, value: 0 })
  })

  test("that is not there is not looked for at every call", async () => {
    const looks: number[] = []
    const load = altered(hsm.module, {
      C_GetSlotList:
        (real) =>
        (...args) => {
          looks.push(1)
          return real(...args)
        },
    })
    const token = open({ label: "elsewhere", load, retryMs: 3_600_000 })
    for (let index = 0; index < 10; index++) expect(await token.run("look", look, call)).toMatchObject({ code: "PKCS11_TOKEN_ABSENT" })
    expect(looks).toEqual([1])
  })

  test("is one of two with the same label, and neither is guessed", async () => {
    hsm.run("softhsm2-util", ["--init-token", "--free", "--label", LABEL, "--so-pin", "so-pin-1234", "--pin", PIN])
    expect(await open().run("look", look, call)).toMatchObject({
      code: "PKCS11_TOKEN_ABSENT",
      message: expect.stringContaining("2 tokens"),
    })
  })

  test("gets a wrong PIN once, however often it is used", async () => {
    const tries: number[] = []
    const load = altered(hsm.module, {
      C_Login:
        (real) =>
        (...args) => {
          tries.push(1)
          return real(...args)
        },
    })
    const token = open({ load }, "wrong")
    for (let index = 0; index < 5; index++) {
      const refusal = await token.run("look", look, call)
      expect(refusal).toMatchObject({ code: "PKCS11_PIN_REFUSED", message: expect.stringContaining("CKR_PIN_INCORRECT") })
      expect(JSON.stringify(refusal)).not.toContain("wrong\n")
    }
    expect(tries).toEqual([1])
  })

  test.each([
    ["is locked", 0x40000, "is locked"],
    ["has one try left", 0x20000, "one try"],
  ])("that %s is not tried at all", async (_what, flag, says) => {
    const load = altered(hsm.module, {
      C_GetTokenInfo:
        (real) =>
        (...args) => {
          const info: unknown = real(...args)
          return typeof info === "object" && info !== null && "flags" in info ? { ...info, flags: Number(info.flags) | flag } : info
        },
      C_Login: () => () => {
        throw failure("CKR_GENERAL_ERROR:5")
      },
    })
    const token = open({ load })
    for (let index = 0; index < 3; index++)
      expect(await token.run("look", look, call)).toMatchObject({ code: "PKCS11_PIN_REFUSED", message: expect.stringContaining(says) })
  })

  test.each([
    ["cannot be read", refuse("KEY_MATERIAL_UNREADABLE", "the key file /pin has mode 644; only its owner may read it (chmod 600)")],
    ["is empty", ok(utf8("\n"))],
    ["has two lines", ok(utf8("one\ntwo\n"))],
    ["is too long", ok(new Uint8Array(256).fill(0x61))],
  ])("is not asked when the PIN %s, but when it is right the next time", async (_what, first) => {
    const answers: Result<Uint8Array>[] = [first, ok(utf8(PIN))]
    const token = open({
      readPin: () => {
        const next = answers.shift() ?? first
        return next.ok ? ok(Secret.take(Uint8Array.from(next.value))) : next
      },
    })
    expect(await token.run("look", look, call)).toMatchObject({ code: "PKCS11_PIN_REFUSED" })
    expect(await token.run("look", look, call)).toMatchObject({ ok: true })
  })

  test("that was taken out is absent, and works again when it is back", async () => {
    const token = open()
    unwrap(await token.run("look", look, call))
    const away = join(hsm.directory, "away")
    renameSync(hsm.tokens, away)
    const taken = await token.run("look", look, call)
    expect(taken.ok ? "there" : taken.code).toMatch(/^PKCS11_(?:TOKEN_ABSENT|FAILED)$|^there$/)
    renameSync(away, hsm.tokens)
    await expect.poll(async () => (await token.run("look", look, call)).ok).toBe(true)
  })

  test.each(["CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT"])(
    "that says %s is absent at once, and asked again at the next call",
    async (value) => {
      const token = open()
      const attempts: number[] = []
      const removed = async (): Promise<Result<number, KeyBackendRefusal>> => {
        attempts.push(1)
        throw failure(`${value}:50`)
      }
      expect(await token.run("look", removed, call)).toMatchObject({ code: "PKCS11_TOKEN_ABSENT", message: expect.stringContaining(value) })
      expect(attempts).toEqual([1])
      expect(await token.run("look", look, call)).toMatchObject({ ok: true })
    },
  )

  test.each(["CKR_SESSION_HANDLE_INVALID", "CKR_USER_NOT_LOGGED_IN", "CKR_DEVICE_ERROR"])(
    "that lost its sessions (%s) is opened again, once",
    async (value) => {
      const token = open()
      const attempts: number[] = []
      const once = async (session: TokenSession): Promise<Result<number, KeyBackendRefusal>> => {
        if (attempts.push(1) === 1) throw failure(`${value}:179`)
        return await look(session)
      }
      expect(await token.run("look", once, call)).toMatchObject({ ok: true })
      const always = async (): Promise<Result<number, KeyBackendRefusal>> => {
        attempts.push(1)
        throw failure(`${value}:179`)
      }
      expect(await token.run("look", always, call)).toMatchObject({ code: "PKCS11_FAILED" })
      expect(attempts).toHaveLength(4)
      expect(await token.run("look", look, call)).toMatchObject({ ok: true })
    },
  )

  test("whose sessions somebody closed works on", async () => {
    const token = open()
    unwrap(await token.run("look", look, call))
    const close = async ({ cryptoki }: TokenSession): Promise<Result<true, KeyBackendRefusal>> => {
      for (const slot of cryptoki.C_GetSlotList(true)) cryptoki.C_CloseAllSessions(slot)
      return ok(true)
    }
    unwrap(await token.run("close", close, call))
    expect(await token.run("look", look, call)).toMatchObject({ ok: true })
  })

  test("a call that fails leaves no session in the middle of something", async () => {
    const token = open()
    for (let index = 0; index < 10; index++) {
      const begin = async ({ cryptoki, handle }: TokenSession): Promise<Result<true, KeyBackendRefusal>> => {
        cryptoki.C_FindObjectsInit(handle, [])
        throw failure("CKR_FUNCTION_FAILED:6")
      }
      expect(await token.run("begin", begin, call)).toMatchObject({
        code: "PKCS11_FAILED",
        message: expect.stringContaining("failed to begin"),
      })
    }
    expect(await token.run("look", look, call)).toMatchObject({ ok: true })
  })

  test("a fault that is not the token's is thrown as it is", async () => {
    const fault = new TypeError("a bug")
    const run = open().run(
      "look",
      async () => {
        throw fault
      },
      call,
    )
    await expect(run).rejects.toBe(fault)
  })

  test("three calls at a time are under way, more wait their turn, and too many are refused", async () => {
    const token = open()
    const gate = Promise.withResolvers<undefined>()
    const state = { underWay: 0, most: 0 }
    const slow = async (): Promise<Result<true, KeyBackendRefusal>> => {
      state.most = Math.max(state.most, ++state.underWay)
      await gate.promise
      state.underWay--
      return ok(true)
    }
    const running = Array.from({ length: 140 }, async () => await token.run("wait", slow, call))
    const gone = new AbortController()
    await expect.poll(() => state.underWay).toBe(3)
    expect(await token.run("look", look, call)).toMatchObject({ code: "KEYSTORE_BUSY" })
    gone.abort(new Error("enough"))
    await expect(token.run("look", look, gone)).rejects.toThrow("enough")
    gate.resolve(undefined)
    const codes = (await Promise.all(running)).map((each) => (each.ok ? "ok" : each.code))
    expect(codes.filter((code) => code === "ok")).toHaveLength(131)
    expect(codes.filter((code) => code === "KEYSTORE_BUSY")).toHaveLength(9)
    expect(state).toEqual({ underWay: 0, most: 3 })
  })

  test("who waits, or whose call is slow, can leave; what comes too late is wiped", async () => {
    const token = open()
    const gate = Promise.withResolvers<undefined>()
    const late = Secret.take(utf8("late"))
    const begun: number[] = []
    const slow = async (): Promise<Result<Secret, KeyBackendRefusal>> => {
      begun.push(1)
      await gate.promise
      return ok(late)
    }
    const leaving = Array.from({ length: 5 }, () => new AbortController())
    const running = leaving.map(async (each) => await token.run("wait", slow, each))
    await expect.poll(() => begun.length).toBe(3)
    for (const each of leaving) each.abort(new Error("enough"))
    for (const each of running) await expect(each).rejects.toThrow("enough")
    gate.resolve(undefined)
    await expect.poll(() => late.live).toBe(false)
    expect(await token.run("look", look, call)).toMatchObject({ ok: true })
    expect(begun).toHaveLength(3)
  })

  test("who leaves while the token is opened does nothing in it", async () => {
    const leaving = new AbortController()
    const run = open().run("look", async () => ok(expect.unreachable("nobody waits for this")), leaving)
    leaving.abort(new Error("enough"))
    await expect(run).rejects.toThrow("enough")
  })
})
