import { expect, test } from "vitest"
import { KeygroveError, ok, refuse, unwrap } from "./result.ts"

test("unwrap gives the value, or throws the refusal with its code and data", () => {
  expect(unwrap(ok(5))).toBe(5)
  const refusal = refuse("TOO_OLD", "it is 9 days old; at most 7 are accepted", { days: 9 })
  expect(() => unwrap(refusal)).toThrow(KeygroveError)
  try {
    unwrap(refusal)
  } catch (error) {
    expect(error).toMatchObject({ code: "TOO_OLD", data: { days: 9 } })
    expect(error instanceof KeygroveError && error.toRefusal()).toEqual(refusal)
  }
})

test("a refusal without data has no such field", () => {
  expect(refuse("X", "y")).toEqual({ ok: false, code: "X", message: "y" })
})
