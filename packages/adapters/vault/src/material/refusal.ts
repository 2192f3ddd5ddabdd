import { concatBytes, refuse, Secret, type Refusal, type Result } from "@keygrove/base"
import type { KeyType } from "@keygrove/keys"

/** What a form of a key holds. */
export interface ReadKey {
  /** Belongs to the caller. */
  readonly secret: Secret
  /** The public part that stands beside it, in the type's own form (points compressed); `undefined` where there is none. */
  readonly publicKey: Uint8Array | undefined
}

/** A key, or why there is none. */
export type ParsedMaterial = Result<ReadKey, "KEY_MATERIAL_INVALID">

/** Refuses key material. The message says what was observed and expected, and never quotes the input: even a part of it may be a secret. */
export function invalid(message: string): Refusal<"KEY_MATERIAL_INVALID"> {
  return refuse("KEY_MATERIAL_INVALID", message)
}

/** Refuses a well-formed key of another type than was asked for. */
export function otherType(form: string, found: string, asked: KeyType): Refusal<"KEY_MATERIAL_INVALID"> {
  return invalid(`the ${form} holds a key of type ${found}; the key is to be of type ${asked}`)
}

/** Refuses an RSA key, whatever it came in. */
export function rsaRefused(form: string): Refusal<"KEY_MATERIAL_INVALID"> {
  return invalid(`the ${form} holds an RSA key; Keygrove has no RSA keys, make an ed25519 or p256 one`)
}

/** The compressed form of a point (SEC 1 §2.3.3) of a curve of 256 bits; `undefined` for what is no point. Whether it is on the curve is not judged. */
export function compressedPoint(point: Uint8Array): Uint8Array | undefined {
  const [form] = point
  if (point.length === 33 && (form === 2 || form === 3)) return point.slice()
  if (point.length !== 65 || form !== 4) return undefined
  return concatBytes(Uint8Array.of(2 + ((point[64] ?? 0) & 1)), point.subarray(1, 33))
}

/** A new owner of bytes that are a view of exposed ones. */
export function copyOf(bytes: Uint8Array): Secret {
  return Secret.fill(bytes.length, (target) => target.set(bytes))
}
