import { compileFunction } from "node:vm"
import { ok, refuse, Secret, type Result } from "@keygrove/base"
import type { OperatorName, OperatorSpec } from "@keygrove/keys"
import type { CallOptions, OperatorReturn, OperatorRun, OperatorRunner, OperatorRunRefusal } from "@keygrove/service"
import { contractOperators } from "../../../service/src/ports/operator-runner.contract.ts"

/** Runs the functions of the contract where it is called, for tests of what stands around operators. */
export class InlineOperators implements OperatorRunner, AsyncDisposable {
  readonly operators: readonly OperatorSpec[] = contractOperators.map(({ body: _body, ...spec }) => spec)
  readonly #functions: ReadonlyMap<OperatorName, (secret: Uint8Array, input: Uint8Array) => unknown> = new Map(
    contractOperators.map(({ body, name }) => [
      name,
      compileFunction(body, ["secret", "input"]) as (...args: readonly Uint8Array[]) => unknown,
    ]),
  )
  #isOpen = true

  async run<Code extends string>(
    { input, lend, operator, secretBytes }: OperatorRun<Code>,
    { signal }: CallOptions,
  ): Promise<Result<OperatorReturn, OperatorRunRefusal | Code>> {
    signal.throwIfAborted()
    await Promise.resolve()
    if (!this.#isOpen) return refuse("KEYSTORE_LOCKED", "locked")
    const memory = new Uint8Array(secretBytes)
    try {
      const lent = lend(memory)
      return lent.ok ? ok(asReturn(this.#functions.get(operator)?.(memory, input))) : lent
    } catch {
      return refuse("OPERATOR_FAILED", `the operator ${operator} threw`)
    } finally {
      memory.fill(0)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false
    await Promise.resolve()
  }
}

function asReturn(returned: unknown): OperatorReturn {
  if (returned instanceof Uint8Array) return { kind: "bytes", bytes: returned.length === 0 ? undefined : Secret.take(returned) }
  if (typeof returned === "boolean" || typeof returned === "number" || typeof returned === "string")
    return { kind: "value", value: returned }
  throw new TypeError("returned something else")
}
