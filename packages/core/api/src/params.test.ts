import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { apiErrors, apiMethods, decodeCall, decodeMethodParams, isMethodName, openRpcDocument, rpcErrorNumber } from "./index.ts"

const policy = "0123456789abcdef"

describe("decodeMethodParams", () => {
  test("gives what was sent, with hex as bytes", () => {
    const params = { header: "00".repeat(14), recipientKey: "ff".repeat(32) }
    expect(decodeMethodParams("data.decryptKey", params)).toEqual({
      ok: true,
      value: { header: new Uint8Array(14), recipientKey: new Uint8Array(32).fill(255) },
    })
    expect(decodeMethodParams("policy.revoke", { policy })).toEqual({ ok: true, value: { policy } })
    expect(decodeMethodParams("key.sign", { id: "k", message: "Zm9v", algorithm: "bip340" })).toEqual({
      ok: true,
      value: { id: "k", message: Uint8Array.of(102, 111, 111), algorithm: "bip340" },
    })
    expect(decodeMethodParams("key.add", { id: "k", type: "p256", exportable: false, rules: { perMinute: 1 } })).toEqual({
      ok: true,
      value: { id: "k", type: "p256", exportable: false, rules: { perMinute: 1 } },
    })
    expect(decodeMethodParams("node.status", undefined)).toEqual({ ok: true, value: {} })
  })

  test.each([
    ["by position", "policy.revoke", [policy]],
    ["null for an object", "policy.revoke", "x"],
    ["missing", "policy.revoke", {}],
    ["missing one of two", "data.decryptKey", { header: "00".repeat(14) }],
    ["unknown", "policy.revoke", { policy, force: true }],
    ["unknown where none is known", "node.status", { verbose: true }],
    ["inherited", "policy.revoke", Object.create({ policy })],
    ["a number for text", "policy.revoke", { policy: 12 }],
    ["text over its limit", "policy.revoke", { policy: "a".repeat(65) }],
    ["text for a number", "ledger.entries", { from: "0", limit: 1 }],
    ["a fraction", "ledger.entries", { from: 0.5, limit: 1 }],
    ["a number under its limit", "ledger.entries", { from: 0, limit: 0 }],
    ["a number over its limit", "ledger.entries", { from: 0, limit: 257 }],
    ["no safe integer", "ledger.entries", { from: 2 ** 53, limit: 1 }],
    ["hex of another length", "data.decryptKey", { header: "00".repeat(14), recipientKey: "ff".repeat(31) }],
    ["hex that is too long", "data.decryptKey", { header: "00".repeat(8_193), recipientKey: "ff".repeat(32) }],
    ["no hex", "data.decryptKey", { header: "zz".repeat(14), recipientKey: "ff".repeat(32) }],
    ["base64 without padding", "key.sign", { id: "k", message: "AAA" }],
    ["base64 of the other alphabet", "key.sign", { id: "k", message: "-_-_" }],
    ["base64 that is too long", "key.agree", { id: "k", peer: "A".repeat(48) }],
    ["base64 that is too short", "key.export", { id: "k", recipientKey: "AAAA" }],
    ["bytes as a list", "key.sign", { id: "k", message: [1, 2] }],
    ["a choice that is none", "key.sign", { id: "k", message: "", algorithm: "rsa" }],
    ["a choice that objects have by themselves", "key.add", { id: "k", type: "p256", from: "constructor" }],
    ["text for true", "key.add", { id: "k", type: "p256", exportable: "true" }],
    ["a list for an object", "key.add", { id: "k", type: "p256", rules: [] }],
    ["null for an object", "key.add", { id: "k", type: "p256", rules: null }],
    ["half a byte", "data.decryptKey", { header: "0".repeat(29), recipientKey: "ff".repeat(32) }],
  ] as const)("refuses %s", (_name, method, params) => {
    expect(decodeMethodParams(method, params)).toMatchObject({ ok: false, code: "RPC_PARAMS_INVALID" })
  })

  test("names an unknown parameter in one line and says which are known", () => {
    const refused = decodeMethodParams("policy.revoke", { policy, ["a\nb"]: 1 })
    expect(refused).toMatchObject({ message: 'there is no parameter "a\\nb"; known are policy' })
  })

  test("takes nothing but what the table says, whatever is sent", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(apiMethods).filter(isMethodName)), fc.jsonValue(), (method, params) => {
        const decoded = decodeMethodParams(method, params)
        if (!decoded.ok) return decoded.code === "RPC_PARAMS_INVALID" && !decoded.message.includes("\n")
        return Object.keys(decoded.value).every((name) => Object.hasOwn(apiMethods[method].params, name))
      }),
    )
  })
})

describe("decodeCall", () => {
  test.each([
    [{ jsonrpc: "2.0", id: 1, method: "node.status" }],
    [{ jsonrpc: "2.0", id: "a", method: "x", params: {} }],
    [{ jsonrpc: "2.0", id: null, method: "x", params: [1] }],
    [{ jsonrpc: "2.0", method: "x" }],
  ])("takes %j", (call) => {
    expect(decodeCall(call)).toMatchObject({ ok: true, value: call })
  })

  test.each([
    [null],
    [[]],
    ["node.status"],
    [{ id: 1, method: "x" }],
    [{ jsonrpc: "1.0", id: 1, method: "x" }],
    [{ jsonrpc: "2.0", id: 1 }],
    [{ jsonrpc: "2.0", id: 1.5, method: "x" }],
    [{ jsonrpc: "2.0", id: {}, method: "x" }],
    [{ jsonrpc: "2.0", id: "a".repeat(129), method: "x" }],
    [{ jsonrpc: "2.0", id: 1, method: "a".repeat(65) }],
    [{ jsonrpc: "2.0", id: 1, method: 7 }],
    [{ jsonrpc: "2.0", id: 1, method: "x", extra: 1 }],
  ])("refuses %j", (call) => {
    expect(decodeCall(call)).toMatchObject({ ok: false, code: "RPC_REQUEST_INVALID" })
  })
})

describe("the interface", () => {
  test("has no methods that JavaScript objects have by themselves", () => {
    expect(["constructor", "__proto__", "toString", "hasOwnProperty"].map(isMethodName)).toEqual([false, false, false, false])
  })

  test("is described method by method, parameter by parameter", () => {
    const document = openRpcDocument("1.2.3")
    expect(document).toMatchObject({ openrpc: "1.3.2", info: { version: "1.2.3" } })
    const described = JSON.parse(JSON.stringify(document)).methods.map((method: { name: string; params: readonly { name: string }[] }) => [
      method.name,
      method.params.map(({ name }) => name),
    ])
    expect(described).toEqual(Object.entries(apiMethods).map(([name, { params }]) => [name, Object.keys(params)]))
  })

  test("has the numbers of JSON-RPC 2.0 §5.1 for what that names, and one for all else", () => {
    expect(["RPC_NOT_JSON", "RPC_REQUEST_INVALID", "RPC_METHOD_UNKNOWN", "RPC_PARAMS_INVALID", "RPC_INTERNAL"].map(rpcErrorNumber)).toEqual(
      [-32_700, -32_600, -32_601, -32_602, -32_603],
    )
    expect([...Object.keys(apiErrors).slice(6), "POLICY_REVOKED"].map(rpcErrorNumber)).not.toContain(undefined)
    expect(rpcErrorNumber("POLICY_REVOKED")).toBe(-32_000)
  })
})
