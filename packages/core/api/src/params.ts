import { fromHex, ok, refuse, type Result, type Shape } from "@keygrove/base"
import * as v from "valibot"

/** One named parameter of a method. */
export type ParamSpec =
  | { readonly type: "text"; readonly maxLength: number; readonly description: string; readonly optional?: boolean }
  | {
      readonly type: "hex"
      readonly minBytes: number
      readonly maxBytes: number
      readonly description: string
      readonly optional?: boolean
    }
  | { readonly type: "integer"; readonly min: number; readonly max: number; readonly description: string; readonly optional?: boolean }

/** The parameters of a method, by name. */
export type ParamSpecs = Readonly<Record<string, ParamSpec>>

/** Of a foreign name in a message. */
const MAX_SHOWN_CHARACTERS = 64

/** Decodes the `params` of a request strictly: by name only, none missing, none unknown. */
export function decodeParams(
  specs: ParamSpecs,
  params: unknown,
): Result<Readonly<Record<string, string | number | Uint8Array>>, "RPC_PARAMS_INVALID"> {
  const given: unknown = params ?? {}
  if (typeof given !== "object" || given === null || Array.isArray(given))
    return refuse("RPC_PARAMS_INVALID", "params must be an object with the names of the method's parameters")
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(specs, name))
  if (unknown !== undefined) {
    const shown = JSON.stringify(unknown.slice(0, MAX_SHOWN_CHARACTERS))
    return refuse("RPC_PARAMS_INVALID", `there is no parameter ${shown}; known are ${Object.keys(specs).join(", ") || "none"}`)
  }
  const values = new Map(Object.entries(given))
  const decoded: Record<string, string | number | Uint8Array> = {}
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

function decodeValue(name: string, spec: ParamSpec, value: unknown): Result<string | number | Uint8Array, "RPC_PARAMS_INVALID"> {
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
    default: {
      const bytes = typeof value === "string" && value.length <= 2 * spec.maxBytes ? fromHex(value) : undefined
      return bytes?.ok === true && bytes.value.length >= spec.minBytes
        ? bytes
        : invalid(`hex of ${spec.minBytes === spec.maxBytes ? spec.minBytes : `${spec.minBytes} to ${spec.maxBytes}`} bytes`)
    }
  }
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
