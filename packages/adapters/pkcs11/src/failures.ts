import { refuse, type Refusal } from "@keygrove/base"
import type { KeyBackendRefusal } from "@keygrove/service"

/** What a failed call means for the connection to the token. */
export type FailureKind = "absent" | "lost" | "pin" | "failed"

const RV = /\bCKR_[A-Z0-9_]+/
const ABSENT: readonly string[] = ["CKR_TOKEN_NOT_PRESENT", "CKR_TOKEN_NOT_RECOGNIZED", "CKR_DEVICE_REMOVED", "CKR_SLOT_ID_INVALID"]
/** A new connection may cure them, for they are of this one's sessions and handles. */
const LOST: readonly string[] = [
  "CKR_SESSION_HANDLE_INVALID",
  "CKR_SESSION_CLOSED",
  "CKR_USER_NOT_LOGGED_IN",
  "CKR_CRYPTOKI_NOT_INITIALIZED",
  "CKR_DEVICE_ERROR",
  "CKR_OBJECT_HANDLE_INVALID",
  "CKR_KEY_HANDLE_INVALID",
]

/** The name of the PKCS #11 return value in an error of the binding; `undefined` when it is no such error. */
export function returnValueOf(error: unknown): string | undefined {
  return error instanceof Error ? RV.exec(error.message)?.[0] : undefined
}

/** What kind of failure a return value is. */
export function kindOf(value: string): FailureKind {
  if (ABSENT.includes(value)) return "absent"
  if (LOST.includes(value)) return "lost"
  return value.startsWith("CKR_PIN_") ? "pin" : "failed"
}

/** A failed call as a refusal; `what` is what was wanted, e.g. `sign`. Whatever is no failure of the token is thrown again. */
export function refusalOf(error: unknown, token: string, what: string): Refusal<KeyBackendRefusal> {
  const value = returnValueOf(error)
  if (value === undefined) throw error
  switch (kindOf(value)) {
    case "absent":
      return refuse("PKCS11_TOKEN_ABSENT", `the token ${token} is not there (${value}); insert it and try again`)
    case "pin":
      return refuse(
        "PKCS11_PIN_REFUSED",
        `the token ${token} does not take the PIN (${value}); it is not tried again: correct the file of pkcs11.pinFile and restart the node`,
      )
    default:
      return refuse("PKCS11_FAILED", `the token ${token} failed to ${what} (${value}); see its log`)
  }
}
