import { checkShape, type CborValue, type Result, type Shape } from "@keygrove/base"
import * as v from "valibot"

/** What a command asks a ceremony for, from its one argument: JSON of what is public. */
export function readArgument<T>(argument: string, shape: Shape<T>): Result<T, "KEYSTORE_REQUEST_INVALID"> {
  return checkShape(parsed(argument), { shape, code: "KEYSTORE_REQUEST_INVALID", noun: "order" })
}

/** Bytes of one length, as lower-case hex digits. */
export function hexShape(length: number): v.GenericSchema<string, Uint8Array> {
  return v.pipe(
    v.string(),
    v.regex(new RegExp(`^[0-9a-f]{${length * 2}}$`)),
    v.transform((hex) => new Uint8Array(Buffer.from(hex, "hex"))),
  )
}

function parsed(text: string): CborValue {
  try {
    return JSON.parse(text)
  } catch {
    // The shape says what is wrong with it.
    return null
  }
}
