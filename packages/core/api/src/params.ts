import { fromBase64, fromHex, ok, refuse, unreachable, type Result, type Shape } from "@keygrove/base"
import * as v from "valibot"

/** One named parameter of a method. */
export type ParamSpec = ParamKind & {
  readonly description: string
  readonly optional?: boolean
}

type ParamKind =
  | { readonly type: "text"; readonly maxLength: number }
  | { readonly type: "hex" | "base64"; readonly minBytes: number; readonly maxBytes: number }
  | { readonly type: "integer"; readonly min: number; readonly max: number }
  | { readonly type: "boolean" }
  | { readonly type: "choice"; readonly values: readonly string[] }
  /** A JSON object of which `decode` of whoever performs the method judges the fields; `schema` describes it in JSON Schema. */
  | { readonly type: "object"; readonly schema: Json }

/** Whatever JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** The parameters of a method, by name. */
export type ParamSpecs = Readonly<Record<string, ParamSpec>>

/** A parameter as it is handed on. */
export type ParamValue = string | number | boolean | Uint8Array | Readonly<Record<string, unknown>>

/** Of a foreign name in a message. */
const MAX_SHOWN_CHARACTERS = 64

/** Decodes the `params` of a request strictly: by name only, none missing, none unknown. */
export function decodeParams(specs: ParamSpecs, params: unknown): Result<Readonly<Record<string, ParamValue>>, "RPC_PARAMS_INVALID"> {
  const given: unknown = params ?? {}
  if (typeof given !== "object" || given === null || Array.isArray(given))
    return refuse("RPC_PARAMS_INVALID", "params must be an object with the names of the method's parameters")
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(specs, name))
  if (unknown !== undefined) {
    const shown = JSON.stringify(unknown.slice(0, MAX_SHOWN_CHARACTERS))
    return refuse("RPC_PARAMS_INVALID", `there is no parameter ${shown}; known are ${Object.keys(specs).join(", ") || "none"}`)
  }
  const values = new Map(Object.entries(given))
  const decoded: Record<string, ParamValue> = {}
  for (const [name, spec] of Object.entries(specs)) {
    const value: unknown = values.get(name)
    if (value === undefined) {
      if (spec.optional === true) continue
      return refuse("RPC_PARAMS_INVALID", `the parameter "${name}" is missing: ${spec.description}`, { name })
    }
    const checked = decodeValue(name, spec, value)
    if (!checked.ok) return checked
    decoded[name] = checked.value
  }
  return ok(decoded)
}

function decodeValue(name: string, spec: ParamSpec, value: unknown): Result<ParamValue, "RPC_PARAMS_INVALID"> {
  const invalid = (expected: string): Result<never, "RPC_PARAMS_INVALID"> =>
    refuse("RPC_PARAMS_INVALID", `the parameter "${name}" must be ${expected}`, { name })
  switch (spec.type) {
    case "text":
      return typeof value === "string" && value.length <= spec.maxLength
        ? ok(value)
        : invalid(`text of at most ${spec.maxLength} characters`)
    case "integer":
      return typeof value === "number" && Number.isSafeInteger(value) && value >= spec.min && value <= spec.max
        ? ok(value)
        : invalid(`a whole number from ${spec.min} to ${spec.max}`)
    case "boolean":
      return typeof value === "boolean" ? ok(value) : invalid("true or false")
    case "choice":
      return typeof value === "string" && spec.values.includes(value) ? ok(value) : invalid(`one of ${spec.values.join(", ")}`)
    case "object":
      return isObject(value) ? ok(value) : invalid("an object")
    case "hex":
    case "base64":
      return decodeBytes(spec, value) ?? invalid(`${spec.type} of ${lengthOf(spec)} bytes`)
    default:
      return unreachable(spec)
  }
}

type BytesSpec = Extract<ParamSpec, { readonly minBytes: number }>

/** The bytes of a text parameter of the right length; `undefined` for anything else. Refused by its length before it is decoded. */
function decodeBytes({ maxBytes, minBytes, type }: BytesSpec, value: unknown): Result<Uint8Array, never> | undefined {
  const maxLength = type === "hex" ? 2 * maxBytes : 4 * Math.ceil(maxBytes / 3)
  if (typeof value !== "string" || value.length > maxLength) return undefined
  const bytes = type === "hex" ? fromHex(value) : fromBase64(value)
  return bytes.ok && bytes.value.length >= minBytes && bytes.value.length <= maxBytes ? bytes : undefined
}

function lengthOf({ maxBytes, minBytes }: BytesSpec): string {
  return minBytes === maxBytes ? String(minBytes) : `${minBytes} to ${maxBytes}`
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** One call of a JSON-RPC 2.0 request. */
export interface RpcCall {
  /** Echoed in the answer; absent for a notification, which gets none. */
  readonly id?: string | number | null
  readonly method: string
  readonly params?: unknown
}

const callShape: Shape<RpcCall & { readonly jsonrpc: "2.0" }> = v.strictObject({
  jsonrpc: v.literal("2.0"),
  id: v.exactOptional(v.union([v.pipe(v.string(), v.maxLength(128)), v.pipe(v.number(), v.safeInteger()), v.null()])),
  method: v.pipe(v.string(), v.maxLength(64)),
  params: v.exactOptional(v.unknown()),
})

/** Checks one call of a request or batch. */
export function decodeCall(value: unknown): Result<RpcCall, "RPC_REQUEST_INVALID"> {
  const parsed = v.safeParse(callShape, value, { abortEarly: true })
  if (parsed.success) return ok(parsed.output)
  return refuse("RPC_REQUEST_INVALID", 'not a JSON-RPC 2.0 request: jsonrpc "2.0", method, and params by name are expected')
}
