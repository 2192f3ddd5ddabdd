import type { Result, Secret } from "@keygrove/base"
import type { HeldKey, KeyBackendTraits } from "@keygrove/service"

/** Where a {@link SecretBackend} has its secrets between two uses. */
export interface SecretShelf {
  readonly traits: KeyBackendTraits
  /** Puts a secret, which is borrowed, away; the handle finds it again. */
  put(key: Omit<HeldKey, "handle">, secret: Secret): Uint8Array
  /** A copy of the secret, which belongs to the caller, who wipes it as soon as it was used. */
  take(key: HeldKey): Result<Secret, "KEY_RECORD_INVALID">
  /** Wipes what it has of a version. */
  drop(key: Pick<HeldKey, "id" | "version">): void
}
