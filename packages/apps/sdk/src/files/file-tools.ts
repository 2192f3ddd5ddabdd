import { KeygroveError, type Refusal, type Result, type Secret } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"

/** What encrypting needs from the platform. */
export interface FileTools {
  readonly primitives: Primitives
  /** Makes a fresh key seed and the capsule that yields it to the label key's owner (Umbral). The seed belongs to the caller. */
  encapsulate(labelKey: Uint8Array): Result<{ readonly capsule: Uint8Array; readonly keySeed: Secret }>
}

/** A refusal as the error that the SDK throws. */
export function thrown(refusal: Refusal): KeygroveError {
  return new KeygroveError(refusal.code, refusal.message, refusal.data === undefined ? {} : { data: refusal.data })
}
