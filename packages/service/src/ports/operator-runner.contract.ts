import { ok, refuse, unwrap, utf8, type Result } from "@keygrove/base"
import { decodeOperatorName, type OperatorName, type OperatorOutput, type OperatorSpec } from "@keygrove/keys"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { OperatorReturn, OperatorRunner } from "./operator-runner.ts"

/** A function under test: the body of `(secret, input) => …` in JavaScript, for runners that take code. */
export interface ContractOperator extends OperatorSpec {
  readonly body: string
}

/** The functions that a runner under test has. */
export const contractOperators: readonly ContractOperator[] = [
  operator("sum", "return secret[0] + input.length", { kind: "integer", max: 999 }),
  operator("secret", "return secret.slice()", { kind: "digest" }),
  operator("nothing", "return new Uint8Array(0)", { kind: "digest" }),
  operator("side", "return secret[0] % 2 === 0 ? 'even' : 'odd'", { kind: "choice", names: ["even", "odd"] }),
  operator("liar", "return 7", { kind: "boolean" }),
  operator("thief", "return secret.slice()", { kind: "boolean" }),
  operator("thrower", "throw new Error('canary ' + secret)", { kind: "boolean" }),
  { ...operator("seldom", "return true", { kind: "boolean" }), perMinute: 1 },
]

/** Declares what every runner of operators must do. */
export function operatorRunnerContract(name: string, open: () => Promise<OperatorRunner & AsyncDisposable>): void {
  const signal = new AbortController().signal
  const secret = new Uint8Array(32).fill(40)
  let runner: OperatorRunner & AsyncDisposable
  beforeEach(async () => {
    runner = await open()
  })
  afterEach(async () => await runner[Symbol.asyncDispose]())

  const run = async (which: string, lent: Uint8Array[] = []): Promise<Result<OperatorReturn>> =>
    await runner.run(
      {
        operator: nameOf(which),
        input: utf8("in"),
        secretBytes: secret.length,
        lend: (into) => {
          lent.push(into)
          into.set(secret)
          return ok(true)
        },
      },
      { signal },
    )

  describe(`a runner of operators, ${name}`, () => {
    test("lists what it has, without the code", () => {
      expect(runner.operators).toEqual(contractOperators.map(({ body: _body, ...spec }) => spec))
    })

    test("gives what a function returns, and wipes what it lent", async () => {
      const lent: Uint8Array[] = []
      expect(unwrap(await run("sum", lent))).toEqual({ kind: "value", value: 42 })
      expect(unwrap(await run("side", lent))).toEqual({ kind: "value", value: "even" })
      const returned = unwrap(await run("secret", lent))
      if (returned.kind !== "bytes" || returned.bytes === undefined) throw new TypeError("bytes were returned")
      using bytes = returned.bytes
      expect(bytes.expose((read) => Uint8Array.from(read))).toEqual(secret)
      expect(unwrap(await run("nothing", lent))).toEqual({ kind: "bytes", bytes: undefined })
      expect(await run("thrower", lent)).toMatchObject({ code: "OPERATOR_FAILED", message: expect.not.stringContaining("canary") })
      expect(lent).toHaveLength(5)
      for (const each of lent) expect(each.every((byte) => byte === 0)).toBe(true)
    })

    test("runs nothing without the secret", async () => {
      const order = { operator: nameOf("sum"), input: utf8("in"), secretBytes: 32 }
      expect(await runner.run({ ...order, lend: () => refuse("KEY_RECORD_INVALID", "gone") }, { signal })).toMatchObject({
        code: "KEY_RECORD_INVALID",
      })
      const reason = new Error("enough")
      const lend = (): never => {
        throw new TypeError("lent")
      }
      await expect(runner.run({ ...order, lend }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    })

    test("refuses everything once it was closed", async () => {
      await runner[Symbol.asyncDispose]()
      expect(await run("sum")).toMatchObject({ code: "KEYSTORE_LOCKED" })
    })
  })
}

function operator(name: string, body: string, output: OperatorOutput): ContractOperator {
  return { name: nameOf(name), body, output, types: ["aes256", "ed25519"], keys: ["ops/*"] }
}

function nameOf(text: string): OperatorName {
  return unwrap(decodeOperatorName(text))
}
