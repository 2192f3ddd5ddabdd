import type { ErrorTable } from "@keygrove/base"

export type Pkcs11ErrorCode = "PKCS11_UNAVAILABLE" | "PKCS11_TOKEN_ABSENT" | "PKCS11_PIN_REFUSED" | "PKCS11_KEY_MISSING" | "PKCS11_FAILED"

/** Codes of keys in tokens. */
export const pkcs11Errors: ErrorTable<Pkcs11ErrorCode> = {
  PKCS11_UNAVAILABLE: {
    class: "failed",
    meaning: "The module of the token, or the binding that loads it, cannot be loaded.",
    remedy: "Check pkcs11.module in config.json; where the binding was not built, install a C++ compiler and run npm rebuild pkcs11js.",
  },
  PKCS11_TOKEN_ABSENT: {
    class: "failed",
    meaning: "The module has no token of that label, or it was taken out.",
    remedy: "Insert it, or correct pkcs11.token in config.json; it is looked for again at the next use.",
  },
  PKCS11_PIN_REFUSED: {
    class: "failed",
    meaning: "The token does not take the PIN, or its file cannot be read; nothing is tried again, for the tries of a PIN are few.",
    remedy: "Correct the file that pkcs11.pinFile names and restart the node; unlock the token with its own tools when it is locked.",
  },
  PKCS11_KEY_MISSING: {
    class: "failed",
    meaning: "The token does not have a key that the keystore recorded in it, or has another one in its place.",
    remedy: "Insert the token that has it, or restore the token; destroy the key with keygrove key remove when it is lost.",
  },
  PKCS11_FAILED: {
    class: "failed",
    meaning: "The token failed at an operation, with a code of PKCS #11.",
    remedy: "See the token's own log; what failed may be tried again.",
  },
}
