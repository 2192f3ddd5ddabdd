import type { ErrorTable } from "@keygrove/base"
import type { KeyEntryRefusal } from "./key-entry.ts"

export type KeyErrorCode =
  | KeyEntryRefusal
  | "KEY_ID_INVALID"
  | "KEY_TYPE_UNKNOWN"
  | "KEY_BACKEND_UNKNOWN"
  | "KEY_NOT_ALLOWED"
  | "KEY_NOT_CONFIRMED"
  | "OPERATOR_UNKNOWN"
  | "OPERATOR_NOT_FOR_KEY"
  | "OPERATOR_RESULT_INVALID"
  | "AUDIT_CORRUPT"
  | "KEY_RECORD_INVALID"

/** Codes of core/keys. */
export const keyErrors: ErrorTable<KeyErrorCode> = {
  KEY_ID_INVALID: {
    class: "usage",
    meaning: "A key id does not follow the grammar.",
    remedy: "Use words of a-z, 0-9 and - with / between them, as in web/tls.",
  },
  KEY_TYPE_UNKNOWN: { class: "usage", meaning: "There is no such type of key.", remedy: "Choose one that keygrove key add --help lists." },
  KEY_BACKEND_UNKNOWN: { class: "usage", meaning: "There is no such backend of keys.", remedy: "Choose sealed, preload or pkcs11." },
  KEY_TYPE_MISMATCH: {
    class: "usage",
    meaning: "A key of that id exists and is another one than asked for.",
    remedy: "Choose another id; nothing was overwritten.",
  },
  KEY_DISABLED: {
    class: "refused",
    meaning: "The key, or that version of it, is disabled.",
    remedy: "Enable it with keygrove key enable.",
  },
  KEY_DESTROYED: { class: "refused", meaning: "The key was destroyed.", remedy: "Register another one; ids are not used again." },
  KEY_VERSION_UNKNOWN: { class: "usage", meaning: "The key has no such version.", remedy: "See its versions with keygrove key list." },
  KEY_VERSIONS_FULL: { class: "refused", meaning: "The key has as many versions as there can be.", remedy: "Register a new id." },
  KEY_OPERATION_UNSUPPORTED: {
    class: "usage",
    meaning: "Keys of that type, or old versions, cannot do that.",
    remedy: "Use a key of a type that can, or the newest version.",
  },
  KEY_NOT_ALLOWED: {
    class: "refused",
    meaning: "The rules of the key do not allow it to this caller.",
    remedy: "Ask the keystore's owner.",
  },
  KEY_NOT_CONFIRMED: {
    class: "refused",
    meaning: "The rules of the key want a person to confirm each use through ssh, and nobody did.",
    remedy: "Confirm it on the terminal of keygrove ssh-agent.",
  },
  OPERATOR_UNKNOWN: {
    class: "usage",
    meaning: "The node has no operator of that name.",
    remedy: "See keygrove operator list; operators are registered in config.json.",
  },
  OPERATOR_NOT_FOR_KEY: {
    class: "refused",
    meaning: "The operator is not registered for that key, or for keys of its type.",
    remedy: "Name the key among the operator's in config.json, and restart the node.",
  },
  OPERATOR_RESULT_INVALID: {
    class: "failed",
    meaning: "An operator returned something else than its registration says.",
    remedy: "Correct the operator's module; what it returned is not told.",
  },
  KEY_RECORD_INVALID: {
    class: "failed",
    meaning: "What the keystore recorded about a key is malformed.",
    remedy: "Restore the home directory from a backup.",
  },
  AUDIT_CORRUPT: {
    class: "failed",
    meaning: "The audit trail was changed after it was written.",
    remedy: "Find out who could write to the home directory; keep audit.db elsewhere as evidence, then start again.",
  },
}
