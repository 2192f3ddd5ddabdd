import type { CommandInput } from "./command.ts"
import { commandError } from "./errors.ts"

const ALGORITHMS: readonly string[] = ["ed25519", "ecdsa-sha256", "bip340", "bls-g2"]
const MAX_CONTEXT_BYTES = 4_096

/** Value of an option that may be absent. */
export function optional(input: CommandInput, name: string): string | undefined {
  const value = input.options[name]
  return typeof value === "string" ? value : undefined
}

/** Value of an option or operand that the table says is required. */
export function required(value: CommandInput["options"][string] | undefined, what: string): string {
  if (typeof value !== "string" || value === "") throw commandError("USAGE_INVALID", `${what} is missing or empty`)
  return value
}

/** Values of an option that may be given several times. */
export function repeated(input: CommandInput, name: string): readonly string[] {
  const value = input.options[name]
  return Array.isArray(value) ? value : []
}

/** `--version N` of a key. */
export function versionOption(input: CommandInput): { readonly version?: number } {
  const version = optional(input, "version")
  return version === undefined ? {} : { version: wholeNumber(version, "--version", { least: 1, most: 0xffff_ffff }) }
}

/** `--algorithm A` of a signature. */
export function algorithmOption(input: CommandInput): { readonly algorithm?: string } {
  const algorithm = optional(input, "algorithm")
  if (algorithm === undefined || ALGORITHMS.includes(algorithm)) return algorithm === undefined ? {} : { algorithm }
  throw commandError("USAGE_INVALID", `--algorithm must be ${ALGORITHMS.join(", ")}, got "${algorithm}"`)
}

/** `--context TEXT` of an encryption, as bytes. */
export function contextOption(input: CommandInput): { readonly context?: Uint8Array } {
  const text = optional(input, "context")
  if (text === undefined) return {}
  const context = Buffer.from(text, "utf8")
  if (context.length > MAX_CONTEXT_BYTES)
    throw commandError("USAGE_INVALID", `--context has ${context.length} bytes; at most ${MAX_CONTEXT_BYTES} are bound to a ciphertext`)
  return { context }
}

/** A whole number within limits. */
export function wholeNumber(text: string, what: string, limits: { readonly least: number; readonly most: number }): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= limits.least && value <= limits.most))
    throw commandError("USAGE_INVALID", `${what} must be a whole number from ${limits.least} to ${limits.most}, got "${text}"`)
  return value
}

/** `--listen ADDRESS` of a new home. */
export function listenOption(input: CommandInput): string {
  return optional(input, "listen") ?? "/ip4/127.0.0.1/tcp/0"
}

/** `--unlock generated` of a new home, which then needs neither passphrase nor key file. */
export function generatedOption(input: CommandInput): boolean {
  const unlock = optional(input, "unlock")
  if (unlock === undefined) return false
  if (unlock !== "generated") throw commandError("USAGE_INVALID", `--unlock is generated, got "${unlock}"; a key file is --key-file FILE`)
  if (optional(input, "keyFile") !== undefined || optional(input, "passphraseFile") !== undefined)
    throw commandError("USAGE_INVALID", "--unlock generated makes its own key file; leave out --key-file and --passphrase-file")
  return true
}

/** `--rpc-port PORT` of a new home. */
export function rpcPortOption(input: CommandInput): number {
  return wholeNumber(optional(input, "rpcPort") ?? "7411", "--rpc-port", { least: 0, most: 65_535 })
}
