import { KeygroveError } from "@keygrove/base/result"
import type { AnswerFields } from "../rpc/fields.ts"

/** What an operator gives: a value of its kind, or the 32 bytes of a digest. */
export type OperatorResult = boolean | number | string | Uint8Array

/** A pure function that the node runs on keys. */
export interface OperatorDescription {
  readonly name: string
  /** Types of keys that it works on. */
  readonly types: readonly string[]
  /** Keys that it may be used on: ids, `totp/*` for all below `totp/`, or `*` for all. */
  readonly keys: readonly string[]
  readonly output:
    | { readonly kind: "boolean" | "digest" }
    /** A whole number from 0 to `max`. */
    | { readonly kind: "integer"; readonly max: number }
    | { readonly kind: "choice"; readonly names: readonly string[] }
  /** Uses a minute of one key. */
  readonly perMinute: number
}

/** Reads an operator of an answer. */
export function decodeOperator(fields: AnswerFields): OperatorDescription {
  const output = fields.object("output")
  return {
    name: fields.text("name"),
    types: fields.texts("types"),
    keys: fields.texts("keys"),
    output: decodeOutput(output),
    perMinute: fields.number("perMinute"),
  }
}

/** Reads what an operator gave. */
export function decodeOperatorResult(fields: AnswerFields): OperatorResult {
  const value = fields.get("value")
  if (value === undefined) return fields.bytes("digest")
  if (typeof value === "boolean" || typeof value === "number" || typeof value === "string") return value
  throw new KeygroveError("RPC_ANSWER_INVALID", "the node's answer to key.operate has no value; is it another version of keygrove?")
}

function decodeOutput(fields: AnswerFields): OperatorDescription["output"] {
  const kind = fields.text("kind")
  switch (kind) {
    case "integer":
      return { kind, max: fields.number("max") }
    case "choice":
      return { kind, names: fields.texts("names") }
    case "boolean":
    case "digest":
      return { kind }
    default:
      throw new KeygroveError("RPC_ANSWER_INVALID", "the node has an operator of a kind that this version does not know; update keygrove")
  }
}
