import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { ModuleFolder, tryUse } from "./operators.fixture.ts"

/** More than config.json allows: what is to end for another reason does so on any machine. */
const PATIENT_MS = 120_000

let folder: ModuleFolder
beforeEach(() => {
  folder = new ModuleFolder()
})
afterEach(() => folder[Symbol.dispose]())

/** What a function does, run once. */
async function outcomeOf(body: string, setting: { readonly timeoutMs?: number } = {}): Promise<unknown> {
  await using workers = unwrap(await folder.open(folder.add("tried", `export const operate = (secret, input) => { ${body} }`, setting)))
  const { lent, result } = await tryUse(workers, "tried")
  expect(lent?.every((byte) => byte === 0)).toBe(true)
  if (!result.ok) return result.code
  if (result.value.kind === "value") return result.value.value
  using bytes = result.value.bytes
  return bytes?.expose((read) => Buffer.from(read).toString("hex")) ?? ""
}

describe("a use", () => {
  test.each<[string, string, unknown]>([
    ["secret and input", "return secret.length === 32 && secret.every((b) => b === 7) && String.fromCharCode(...input) === 'input'", true],
    ["a number", "return secret[3] + input.length", 12],
    ["text", "return 'left'", "left"],
    ["bytes", "return secret.subarray(0, 3)", "070707"],
    ["bytes of its own", "return Uint8Array.of(1, 2)", "0102"],
    ["no bytes", "return new Uint8Array(0)", ""],
  ])("gives %s", async (_what, body, expected) => expect(await outcomeOf(body)).toBe(expected))

  test.each<[string, string]>([
    ["nothing", ""],
    ["a promise", "return Promise.resolve(true)"],
    ["an object", "return { toString: () => 'left' }"],
    ["an object that is called bytes", "return Object.setPrototypeOf({ length: 3 }, Uint8Array.prototype)"],
    ["bytes behind a proxy", "return new Proxy(new Uint8Array(3), {})"],
    ["other numbers", "return new Uint16Array(3)"],
    ["bytes with code behind them", "const a = new Uint8Array(3); Object.defineProperty(a, 'length', { get() { return 9 } }); return [a]"],
    ["a big number", "return 1n"],
    ["a function", "return () => true"],
    ["more bytes than there may be", "return new Uint8Array(1025)"],
    ["long text", "return 'x'.repeat(65)"],
    ["an error", "throw new Error(String(secret))"],
    ["an error that answers with code", "throw new Proxy({}, { get() { for (;;); } })"],
    ["too deep a recursion", "const f = () => f() + 1; return f()"],
  ])("that gives %s has failed", async (_what, body) => expect(await outcomeOf(body)).toBe("OPERATOR_FAILED"))

  test("says nothing of what the function said", async () => {
    await using workers = unwrap(await folder.open(folder.add("loud", "export const operate = () => { throw new Error('canary') }")))
    const { result } = await tryUse(workers, "loud")
    expect(JSON.stringify(result)).not.toContain("canary")
  })

  test.each<[string, string]>([
    ["for ever", "for (;;);"],
    ["for ever in the engine", "return /(a+)+$/.test('a'.repeat(60) + 'b')"],
  ])("that works %s is stopped", async (_what, body) => expect(await outcomeOf(body, { timeoutMs: 50 })).toBe("OPERATOR_TIMEOUT"))

  test.each<[string, string]>([
    ["objects", "const all = []; for (;;) all.push({ all })"],
    ["arrays outside of the heap", "const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1))"],
    ["one array", "const all = []; for (;;) all.push(new Array(3e7).fill(7))"],
    ["text", "const all = []; for (;;) { all.push(all.length); if (all.length % 1000 === 0) all.push(JSON.stringify(all)) }"],
  ])("that takes all memory for %s is stopped", async (_what, body) =>
    expect(await outcomeOf(body, { timeoutMs: PATIENT_MS })).toBe("OPERATOR_MEMORY"),
  )

  test("leaves nothing for the next", async () => {
    const source =
      "let uses = 0; globalThis.uses ??= 0; Array.prototype.push = null; export const operate = () => (uses += 1) + (globalThis.uses += 1)"
    await using workers = unwrap(await folder.open(folder.add("counts", source)))
    for (let round = 0; round < 3; round++)
      expect((await tryUse(workers, "counts")).result).toEqual({ ok: true, value: { kind: "value", value: 2 } })
  })

  test("that is slow stalls none that is quick, and ends with the caller's reason", async () => {
    const [slow, quick] = [
      folder.add("slow", "export const operate = () => { for (;;); }", { timeoutMs: PATIENT_MS }),
      folder.add("quick", "export const operate = () => true"),
    ]
    await using workers = unwrap(await folder.open(slow, quick))
    const caller = new AbortController()
    const order: string[] = []
    const slowly = tryUse(workers, "slow", { aborting: caller.signal }).catch((error: unknown) => (order.push("slow"), error))
    expect((await tryUse(workers, "quick")).result.ok).toBe(true)
    order.push("quick")
    const reason = new Error("enough")
    caller.abort(reason)
    expect(await slowly).toBe(reason)
    expect(order).toEqual(["quick", "slow"])
  })

  test("waits for its turn among many, and too many are refused", async () => {
    await using workers = unwrap(await folder.open(folder.add("quick", "export const operate = () => true")))
    const outcomes = await Promise.all(Array.from({ length: 40 }, async () => (await tryUse(workers, "quick")).result))
    const codes = outcomes.map((each) => (each.ok ? "ok" : each.code))
    expect(codes.slice(0, 36)).toEqual(Array.from({ length: 36 }, () => "ok"))
    expect(codes.slice(36)).toEqual(Array.from({ length: 4 }, () => "KEYSTORE_BUSY"))
  })

  test("is ended by a lock", async () => {
    const workers = unwrap(await folder.open(folder.add("slow", "export const operate = () => { for (;;); }", { timeoutMs: PATIENT_MS })))
    const uses = Promise.all(Array.from({ length: 6 }, async () => (await tryUse(workers, "slow")).result))
    await workers[Symbol.asyncDispose]()
    for (const each of await uses) expect(each).toMatchObject({ code: "KEYSTORE_LOCKED" })
    expect((await tryUse(workers, "slow")).result).toMatchObject({ code: "KEYSTORE_LOCKED" })
  })
})

describe("the realm of an operator", () => {
  const names =
    "process require module console Date Intl WebAssembly Atomics SharedArrayBuffer WeakRef FinalizationRegistry performance crypto fetch setTimeout queueMicrotask Temporal eval"

  test.each(names.split(" "))("has no %s", async (name) => expect(await outcomeOf(`return typeof globalThis["${name}"]`)).toBe("undefined"))

  test.each<[string, string]>([
    ["randomness", "return typeof Math.random"],
    ["code from text", "try { return Function('return 1')() } catch (error) { return error instanceof EvalError ? 'undefined' : 'other' }"],
    [
      "code from text of another realm",
      "for (const each of [secret, input, secret.buffer, input.buffer, globalThis]) try { return each.constructor.constructor('return process')().pid } catch (error) { if (!(error instanceof EvalError) && !(error instanceof TypeError)) return 'other' } return 'undefined'",
    ],
    ["frames of others", "return typeof new Error('x').stack.split('\\n')[1]"],
    [
      "objects of another realm",
      "for (let each = secret; each !== null; each = Object.getPrototypeOf(each)) if (!(each instanceof Object) && each !== Object.prototype) return 'other'; return 'undefined'",
    ],
  ])("has no %s", async (_what, body) => expect(await outcomeOf(body)).toBe("undefined"))
})

describe("a module", () => {
  const codeOf = async (source: string | Uint8Array, change: object = {}): Promise<string> => {
    const setting = { ...folder.add("tried", source), ...change }
    const opened = await folder.open(setting)
    if (opened.ok) await opened.value[Symbol.asyncDispose]()
    return opened.ok ? "opened" : `${opened.code} ${opened.message}`
  }

  test.each<[string, string | Uint8Array]>([
    ["imports", 'import fs from "node:fs"; export const operate = () => true'],
    ["imports later", 'export const operate = () => import("node:fs")'],
    ["imports behind a comment", 'export const operate = () => import /* ( */ // (\n ("node:fs")'],
    ["asks for its place", "export const operate = () => import.meta"],
    ["has no function", "export const operate = 7"],
    ["exports another function", "export const other = () => true"],
    ["has a mistake", "export const operate = ("],
    ["throws", "throw new Error('canary'); export const operate = () => true"],
    ["needs Node", "const pid = process.pid; export const operate = () => pid"],
    ["is no text", Buffer.from("export const operate = () => '\u00ff'", "latin1")],
  ])("that %s is refused by its name", async (_what, source) => {
    const code = await codeOf(source)
    expect(code).toMatch(/^OPERATOR_MODULE_INVALID (?:operator tried: .*|.*module \S*tried.mjs .*)$/)
    expect(code).not.toContain("canary")
  })

  test("that is another than the settings say, is not there, or is too long, is refused", async () => {
    expect(await codeOf("export const operate = () => true", { sha256: "0".repeat(64) })).toMatch(
      /^OPERATOR_MODULE_CHANGED operator tried: /,
    )
    expect(await codeOf("export const operate = () => true", { module: "elsewhere.mjs" })).toMatch(/^OPERATOR_MODULE_UNREADABLE .*ENOENT/)
    expect(await codeOf("export const operate = () => true", { module: "." })).toMatch(/^OPERATOR_MODULE_UNREADABLE .*EISDIR/)
    expect(await codeOf(`export const operate = () => true // ${"x".repeat(1_048_576)}`)).toMatch(/^OPERATOR_MODULE_UNREADABLE .*1048576/)
  })

  test("is run as it was when it was checked", async () => {
    await using workers = unwrap(await folder.open(folder.add("kept", "export const operate = () => true")))
    writeFileSync(join(folder.path, "kept.mjs"), "export const operate = () => false")
    expect((await tryUse(workers, "kept")).result).toEqual({ ok: true, value: { kind: "value", value: true } })
    expect(workers.operators).toEqual([{ name: "kept", types: ["aes256"], keys: ["*"], output: { kind: "boolean" } }])
  })
})
