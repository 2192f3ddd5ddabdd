import { expect, test } from "vitest"
import { defineOperator } from "./operator.ts"

test("an operator is the function that was given", () => {
  const operate = (secret: Uint8Array, input: Uint8Array): boolean => secret.length > input.length
  expect(defineOperator("boolean", operate)).toBe(operate)
  // @ts-expect-error: the secret itself is no kind of result
  expect(defineOperator("integer", (secret: Uint8Array) => secret)(new Uint8Array(1), new Uint8Array(0))).toHaveLength(1)
})
