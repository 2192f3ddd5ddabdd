import * as v from "valibot"
import { decodeCanonical, type CborValue } from "./cbor.ts"
import { ok, refuse, type Result } from "./result.ts"

/** A private schema of one wire shape. */
export type Shape<T> = v.GenericSchema<unknown, T>

/** Exactly `length` bytes. */
export function bytesShape(length: number): Shape<Uint8Array> {
  return v.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length, `must have ${length} bytes`)
}

/** Between `min` and `max` bytes. */
export function bytesWithinShape(min: number, max: number): Shape<Uint8Array> {
  return v.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
    `must have ${min} to ${max} bytes`,
  )
}

/** An integer from `min` to `max`. */
export function integerShape(min: number, max: number): Shape<number> {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max))
}

/** Whatever the checking constructor of a brand accepts. */
export function brandShape<T>(decode: (value: unknown) => Result<T>): Shape<T> {
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const result = decode(dataset.value)
      if (result.ok) return result.value
      addIssue({ message: result.message })
      return NEVER
    }),
  )
}

/** What to decode, as the refusal names it. */
export interface ShapeRules<T, Code extends string> {
  readonly shape: Shape<T>
  /** Size limit of the encoded form. */
  readonly maxBytes: number
  readonly code: Code
  /** What the bytes should be, e.g. "rekey statement". */
  readonly noun: string
}

/** Decodes canonical CBOR of one shape: size, syntax, canonical form, then shape. Every failure has the one code given. */
export function decodeShape<T, Code extends string>(bytes: Uint8Array, rules: ShapeRules<T, Code>): Result<T, Code> {
  const decoded = decodeCanonical(bytes, rules.maxBytes)
  if (!decoded.ok) return refuse(rules.code, `${rules.noun}: ${decoded.message}`)
  return checkShape(decoded.value, rules)
}

/** Checks the shape of an already decoded value. */
export function checkShape<T, Code extends string>(
  value: CborValue,
  rules: Pick<ShapeRules<T, Code>, "shape" | "code" | "noun">,
): Result<T, Code> {
  const parsed = v.safeParse(rules.shape, value, { abortEarly: true })
  if (parsed.success) return ok(parsed.output)
  const issue = parsed.issues[0]
  return refuse(rules.code, `${rules.noun}: ${v.getDotPath(issue) ?? "value"} ${describe(issue)}`)
}

/** Only our own messages and expectations are quoted: what was received may be long or hostile. */
function describe(issue: v.BaseIssue<unknown>): string {
  if (issue.kind === "transformation" || issue.type === "check" || issue.type === "custom") return issue.message
  return issue.expected === null ? "is out of range" : `must be ${issue.expected}`
}
