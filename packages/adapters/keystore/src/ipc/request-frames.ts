import { checkShape, decodeCanonical, integerShape, refuse, type CborValue, type Result, type Shape } from "@keygrove/base"
import * as v from "valibot"
import { MAX_FRAME_BYTES } from "./frames.ts"

/** A request, still untyped inside. */
export interface FrameOf<Method extends string> {
  readonly id: number
  readonly method: Method
  readonly params: CborValue
}

/** Any value, for another shape to check. */
export const anyValue: Shape<CborValue> = v.custom<CborValue>(() => true)

/** The shape of requests of some methods. */
export function requestShapeOf<Method extends string>(methods: readonly Method[]): Shape<FrameOf<Method>> {
  return v.strictObject({ id: integerShape(1, Number.MAX_SAFE_INTEGER), method: v.picklist(methods), params: anyValue })
}

/** Decodes a frame between daemon and keystore; `noun` is what it should be. */
export function decodeFrame<T>(frame: Uint8Array, shape: Shape<T>, noun: string): Result<T, "KEYSTORE_REQUEST_INVALID"> {
  const decoded = decodeCanonical(frame, MAX_FRAME_BYTES)
  return decoded.ok ? checkValue(decoded.value, shape, noun) : refuse("KEYSTORE_REQUEST_INVALID", decoded.message)
}

/** Decodes what is in one. */
export function checkValue<T>(value: CborValue, shape: Shape<T>, noun: string): Result<T, "KEYSTORE_REQUEST_INVALID"> {
  return checkShape<T, "KEYSTORE_REQUEST_INVALID">(value, { shape, code: "KEYSTORE_REQUEST_INVALID", noun })
}
