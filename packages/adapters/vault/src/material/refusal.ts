import { refuse, Secret, type Refusal, type Result } from "@keygrove/base"
import type { KeyType } from "@keygrove/keys"

/** A key's secret, which belongs to the caller, or why there is none. */
export type ParsedMaterial = Result<Secret, "KEY_MATERIAL_INVALID">

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

/** A new owner of bytes that are a view of exposed ones. */
export function copyOf(bytes: Uint8Array): Secret {
  return Secret.fill(bytes.length, (target) => target.set(bytes))
}
