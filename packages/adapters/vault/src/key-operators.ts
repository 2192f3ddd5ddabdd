import { ok, refuse, type Result, type Secret } from "@keygrove/base"
import { deriveKey, type Primitives } from "@keygrove/crypto"
import type { Timestamp } from "@keygrove/hierarchy"
import {
  checkOperatorValue,
  DEFAULT_OPERATOR_RATE,
  keyTypeTraits,
  MAX_OPERATOR_INPUT_BYTES,
  suitsOperator,
  type KeyEntry,
  type OperatorSpec,
  type OperatorValue,
} from "@keygrove/keys"
import type { KeyCall, NamedKeyRefusal, NamedKeys, OperatorOrder, OperatorRunner } from "@keygrove/service"
import { unsupportedBy, type BackedKey, type KeyBackends } from "./key-backends.ts"
import { locked, type UseGuard } from "./use-guard.ts"
import { UseRates } from "./use-rates.ts"

/** What the uses of operators work with. */
export interface KeyOperatorsParts {
  readonly guard: UseGuard
  readonly backends: KeyBackends
  readonly primitives: Primitives
  readonly now: () => Timestamp
  /** Borrowed; nothing but digests of operators comes from what is derived here. */
  readonly derivation: Secret
  /** Without one there are no operators. */
  readonly runner: OperatorRunner | undefined
}

/** Lends secrets to registered functions, and lets nothing out that could hold one. */
export class KeyOperators {
  readonly #parts: KeyOperatorsParts
  readonly #rates: UseRates = new UseRates()

  constructor(parts: KeyOperatorsParts) {
    this.#parts = parts
  }

  operators: NamedKeys["operators"] = async ({ signal }) => {
    signal.throwIfAborted()
    return this.#parts.guard.isOpen ? ok(this.#parts.runner?.operators ?? []) : locked()
  }

  operate: NamedKeys["operate"] = async (order, call) => {
    const { id, input: bytes, operator } = order
    return await this.#parts.guard.use(call, { id, operation: "operate", operator, bytes }, async (entry, version) => {
      const spec = this.#admit(order, entry)
      if (!spec.ok) return spec
      const backed = this.#parts.backends.of(entry, version)
      return backed.ok ? await this.#run(spec.value, order, backed.value, call) : backed
    })
  }

  /** Whether the operator may be used on that key now. */
  #admit({ id, input, operator }: OperatorOrder, entry: KeyEntry): Result<OperatorSpec, NamedKeyRefusal> {
    const spec = this.#parts.runner?.operators.find(({ name }) => name === operator)
    if (spec === undefined) return refuse("OPERATOR_UNKNOWN", `there is no operator ${operator}; see \`keygrove operator list\``)
    if (input.length > MAX_OPERATOR_INPUT_BYTES)
      return refuse("KEYSTORE_REQUEST_INVALID", `the input has ${input.length} bytes; operators take at most ${MAX_OPERATOR_INPUT_BYTES}`)
    const suits = suitsOperator(spec, entry)
    if (!suits.ok) return suits
    const { perMinute = DEFAULT_OPERATOR_RATE } = spec
    // No name and no id has a colon.
    if (this.#rates.take(`${operator}:${id}`, perMinute, this.#parts.now())) return ok(spec)
    return refuse("KEY_RATE_EXCEEDED", `the operator ${operator} may be used on ${id} ${perMinute} times a minute; try again in a minute`)
  }

  async #run(
    spec: OperatorSpec,
    { input, operator }: OperatorOrder,
    { backend, key }: BackedKey,
    call: KeyCall,
  ): Promise<Result<OperatorValue, NamedKeyRefusal>> {
    const { runner } = this.#parts
    if (runner === undefined || backend.withSecret === undefined)
      return unsupportedBy(backend, "never lends its secret, also not to operators")
    const returned = await runner.run(
      {
        operator,
        input,
        secretBytes: keyTypeTraits(key.type).secretBytes,
        lend: (into) => {
          const lent = backend.withSecret?.(key, (secret) => secret.expose((bytes) => into.set(bytes)))
          if (lent === undefined) throw new TypeError("a backend lends or does not")
          return lent.ok ? ok(true) : lent
        },
      },
      call,
    )
    if (!returned.ok) return returned
    if (returned.value.kind === "value") return checkOperatorValue(spec, returned.value.value)
    using bytes = returned.value.bytes
    return spec.output.kind === "digest" ? ok(this.#digest(key, operator, { input, bytes })) : checkOperatorValue(spec, undefined)
  }

  /**
   * HMAC-SHA-256 of SHA-256(input) ‖ what was returned, under a key of the vault's own for that operator, key and version: even a function that returns the
   * secret itself tells with it no more than that it returned the same as before, and for another input not even that.
   */
  #digest(
    key: BackedKey["key"],
    operator: string,
    { bytes, input }: { readonly input: Uint8Array; readonly bytes: Secret | undefined },
  ): Uint8Array {
    const { derivation, primitives } = this.#parts
    using secret = deriveKey(primitives, derivation, ["keygrove/v1/operator-digest", operator, key.id, key.version], 32)
    const message = new Uint8Array(new ArrayBuffer(32 + (bytes?.length ?? 0)))
    try {
      message.set(primitives.sha256(input))
      bytes?.expose((returned) => message.set(returned, 32))
      return primitives.hmacSha256(secret, message)
    } finally {
      message.fill(0)
    }
  }
}
