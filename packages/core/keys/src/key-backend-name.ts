import { ok, refuse, type Result } from "@keygrove/base"

/**
 * What holds and uses a key's secret, for its whole life: `sealed`, the keystore's own database; `preload`, the keystore's memory until it ends, with
 * nothing written; `pkcs11`, a token that the secret never leaves.
 */
export type KeyBackendName = "sealed" | "preload" | "pkcs11"

/** Every backend, the default one first. */
export const KEY_BACKENDS: readonly KeyBackendName[] = ["sealed", "preload", "pkcs11"]

/** What holds a key of which nothing else is said; records older than the choice are all of it. */
export const DEFAULT_KEY_BACKEND: KeyBackendName = "sealed"

/** Checks the name of a backend. */
export function decodeKeyBackend(value: unknown): Result<KeyBackendName, "KEY_BACKEND_UNKNOWN"> {
  const found = KEY_BACKENDS.find((name) => name === value)
  return found === undefined ? refuse("KEY_BACKEND_UNKNOWN", `key backends are ${KEY_BACKENDS.join(", ")}`) : ok(found)
}
