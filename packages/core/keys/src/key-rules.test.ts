import { unwrap } from "@keygrove/base"
import { expect, test } from "vitest"
import { decodeKeyId } from "./key-id.ts"
import { mayUse } from "./key-rules.ts"
import { chooseSignature, decodeKeyType, KEY_TYPES } from "./key-type.ts"

const id = unwrap(decodeKeyId("web/tls"))

test("without rules everyone may; with rules only whom they name, for what they name", () => {
  const use = { caller: "uid:1000", operation: "sign" } as const
  expect(mayUse(id, {}, use).ok).toBe(true)
  expect(mayUse(id, { allow: [] }, use)).toMatchObject({ code: "KEY_NOT_ALLOWED" })
  expect(mayUse(id, { allow: [{ caller: "uid:1000", operations: ["sign"] }] }, use).ok).toBe(true)
  expect(mayUse(id, { allow: [{ caller: "uid:100", operations: ["sign"] }] }, use).ok).toBe(false)
  expect(mayUse(id, { allow: [{ caller: "*", operations: ["verify"] }] }, use).ok).toBe(false)
  expect(mayUse(id, { allow: [{ caller: "*", operations: ["verify", "sign"] }] }, use).ok).toBe(true)
})

test("types and algorithms are those there are", () => {
  for (const type of KEY_TYPES) expect(decodeKeyType(type)).toEqual({ ok: true, value: type })
  for (const other of ["rsa", "ED25519", "", 1, undefined, "constructor"])
    expect(decodeKeyType(other)).toMatchObject({ code: "KEY_TYPE_UNKNOWN" })
  expect(chooseSignature("secp256k1", undefined)).toEqual({ ok: true, value: "ecdsa-sha256" })
  expect(chooseSignature("secp256k1", "bip340")).toEqual({ ok: true, value: "bip340" })
  expect(chooseSignature("p256", "bip340")).toMatchObject({ code: "KEY_OPERATION_UNSUPPORTED" })
  expect(chooseSignature("aes256", undefined)).toMatchObject({ code: "KEY_OPERATION_UNSUPPORTED" })
})
