import { brandShape, ok, refuse, unreachable, type Brand, type Result, type Shape } from "@keygrove/base"
import * as v from "valibot"
import type { KeyEntry } from "./key-entry.ts"
import { MAX_KEY_ID_LENGTH } from "./key-id.ts"
import { decodeKeyType, type KeyType } from "./key-type.ts"

/** Name of an operator: one word of a-z, 0-9 and -, e.g. `totp`. */
export type OperatorName = Brand<string, "OperatorName">

/**
 * What an operator's result can be. None can hold a secret: a value has at most 27 bits, a tenth of the shortest secret, and a `digest` is not
 * what the function returned but a keyed hash of it.
 */
export type OperatorOutput =
  | { readonly kind: "boolean" }
  /** A whole number from 0 to `max`. */
  | { readonly kind: "integer"; readonly max: number }
  | { readonly kind: "choice"; readonly names: readonly string[] }
  | { readonly kind: "digest" }

/** A result that leaves: of its kind, or the 32 bytes of a digest. */
export type OperatorValue = boolean | number | string | Uint8Array

/** A pure function of a secret and an input, as the settings register it. */
export interface OperatorSpec {
  readonly name: OperatorName
  readonly output: OperatorOutput
  /** Types of keys that it works on. */
  readonly types: readonly KeyType[]
  /** Keys that it may be used on: ids, `totp/*` for all below `totp/`, or `*` for all. */
  readonly keys: readonly string[]
  /** Uses a minute of one key; {@link DEFAULT_OPERATOR_RATE} unless said. */
  readonly perMinute?: number
}

/** An operator with the code that does it. */
export interface OperatorSetting extends OperatorSpec {
  /** Path of a JavaScript module without imports, at most 1 MiB. */
  readonly module: string
  /** SHA-256 of the module, 64 hex digits: no other code is ever run. */
  readonly sha256: string
  /** How long one use may take; {@link DEFAULT_OPERATOR_TIMEOUT_MS} unless said. */
  readonly timeoutMs?: number
}

/** The largest number of eight digits, as long as one-time passwords get (RFC 4226 §5.3): 27 bits. */
export const MAX_OPERATOR_INTEGER = 99_999_999
/** Uses a minute of one key by one operator, so that what leaks by repetition leaks slowly and shows in the audit trail. */
export const DEFAULT_OPERATOR_RATE = 10
export const DEFAULT_OPERATOR_TIMEOUT_MS = 1_000
/** Longest input of one use, in bytes. */
export const MAX_OPERATOR_INPUT_BYTES = 65_536
export const MAX_OPERATORS = 64
const MAX_CHOICES = 256
const MAX_KEY_PATTERNS = 256
const WORD = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/
const KEY_PATTERN = /^(?:\*|[a-z0-9-]+(?:\/[a-z0-9-]+)*(?:\/\*)?)$/

/** Checks the name of an operator. */
export function decodeOperatorName(value: unknown): Result<OperatorName, "OPERATOR_UNKNOWN"> {
  if (typeof value === "string" && WORD.test(value)) return ok(value as OperatorName)
  return refuse("OPERATOR_UNKNOWN", "the name of an operator is a word of a-z, 0-9 and -, at most 32 characters, as in totp")
}

const word = v.pipe(v.string(), v.regex(WORD))

/** Shape of {@link OperatorOutput} in settings and messages. */
export const operatorOutputShape: Shape<OperatorOutput> = v.variant("kind", [
  v.strictObject({ kind: v.literal("boolean") }),
  v.strictObject({
    kind: v.literal("integer"),
    max: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_OPERATOR_INTEGER)),
  }),
  v.strictObject({
    kind: v.literal("choice"),
    names: v.pipe(
      v.array(word),
      v.minLength(2),
      v.maxLength(MAX_CHOICES),
      v.check((names) => new Set(names).size === names.length),
    ),
  }),
  v.strictObject({ kind: v.literal("digest") }),
])

const spec = {
  name: brandShape(decodeOperatorName),
  output: operatorOutputShape,
  types: v.pipe(v.array(brandShape(decodeKeyType)), v.minLength(1), v.maxLength(8)),
  keys: v.pipe(
    v.array(v.pipe(v.string(), v.maxLength(MAX_KEY_ID_LENGTH + 2), v.regex(KEY_PATTERN))),
    v.minLength(1),
    v.maxLength(MAX_KEY_PATTERNS),
  ),
  perMinute: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(1_000))),
}

/** Shape of {@link OperatorSpec} in messages. */
export const operatorSpecShape: Shape<OperatorSpec> = v.strictObject(spec)

/** Shape of {@link OperatorSetting} in settings. */
export const operatorSettingShape: Shape<OperatorSetting> = v.strictObject({
  ...spec,
  module: v.pipe(v.string(), v.minLength(1), v.maxLength(4_096)),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  timeoutMs: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(10), v.maxValue(2_000))),
})

/** Whether an operator is meant for a key. */
export function suitsOperator({ keys, name, types }: OperatorSpec, { id, type }: KeyEntry): Result<true, "OPERATOR_NOT_FOR_KEY"> {
  if (!types.includes(type))
    return refuse("OPERATOR_NOT_FOR_KEY", `the operator ${name} works on keys of type ${types.join(", ")}; ${id} is of type ${type}`)
  const isNamed = keys.some(
    (pattern) => pattern === "*" || pattern === id || (pattern.endsWith("/*") && id.startsWith(pattern.slice(0, -1))),
  )
  return isNamed ? ok(true) : refuse("OPERATOR_NOT_FOR_KEY", `config.json does not name ${id} among the keys of the operator ${name}`)
}

/** Whether what a function returned is of the kind that its operator says. Nothing of it is in the refusal. */
export function checkOperatorValue({ name, output }: OperatorSpec, value: unknown): Result<OperatorValue, "OPERATOR_RESULT_INVALID"> {
  switch (output.kind) {
    case "boolean":
      return typeof value === "boolean" ? ok(value) : invalid(name, "true or false")
    case "integer":
      return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= output.max
        ? // Zero has two forms.
          ok(value + 0)
        : invalid(name, `a whole number from 0 to ${output.max}`)
    case "choice":
      return typeof value === "string" && output.names.includes(value)
        ? ok(value)
        : invalid(name, `one of its ${output.names.length} names`)
    case "digest":
      return invalid(name, "bytes")
    default:
      return unreachable(output)
  }
}

function invalid(name: OperatorName, expected: string): Result<never, "OPERATOR_RESULT_INVALID"> {
  return refuse("OPERATOR_RESULT_INVALID", `the operator ${name} returned something else than ${expected}; it is not told`)
}
