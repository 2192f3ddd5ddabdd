import type { CommandInput } from "./command.ts"
import { commandError } from "./errors.ts"

/** Value of an option that may be absent. */
export function optional(input: CommandInput, name: string): string | undefined {
  const value = input.options[name]
  return typeof value === "string" ? value : undefined
}

/** Value of an option or operand that the table says is required. */
export function required(value: string | true | undefined, what: string): string {
  if (typeof value !== "string" || value === "") throw commandError("USAGE_INVALID", `${what} is missing or empty`)
  return value
}

/** A whole number within limits. */
export function wholeNumber(text: string, what: string, limits: { readonly least: number; readonly most: number }): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= limits.least && value <= limits.most))
    throw commandError("USAGE_INVALID", `${what} must be a whole number from ${limits.least} to ${limits.most}, got "${text}"`)
  return value
}
