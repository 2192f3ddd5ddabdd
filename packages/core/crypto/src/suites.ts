import { ok, refuse, type Result } from "@keygrove/base"
import type { SuiteName } from "./primitives.ts"

/** Every cipher suite, the default first. Names stay readable for ever, so none is ever removed. */
export const SUITE_NAMES: readonly SuiteName[] = ["aes-256-gcm", "aes-256-gcm-siv", "xchacha20-poly1305", "xsalsa20-poly1305"]

/** What a new file is encrypted with when nobody chose: hardware AES makes it the fastest on every machine we target. */
export const DEFAULT_SUITE: SuiteName = "aes-256-gcm"

/** Length of every suite's key in bytes. */
export const AEAD_KEY_BYTES = 32
/** Length of every suite's tag in bytes. */
export const AEAD_TAG_BYTES = 16

/** The suite of that name; refuses any other text. */
export function decodeSuite(name: string): Result<SuiteName, "SUITE_UNKNOWN"> {
  const suite = SUITE_NAMES.find((known) => known === name)
  if (suite !== undefined) return ok(suite)
  return refuse("SUITE_UNKNOWN", `cipher suite ${JSON.stringify(name.slice(0, 40))} is not known; use one of ${SUITE_NAMES.join(", ")}`)
}
