import type { ErrorTable } from "@keygrove/base"

export type VaultErrorCode =
  | "KEY_UNKNOWN"
  | "KEY_RATE_EXCEEDED"
  | "KEY_NOT_EXPORTABLE"
  | "KEY_MATERIAL_INVALID"
  | "KEY_MATERIAL_UNREADABLE"
  | "KEY_CIPHERTEXT_INVALID"
  | "KEY_PEER_INVALID"
  | "KEY_BACKEND_UNSUPPORTED"
  | "KEY_BACKEND_UNAVAILABLE"

/** Codes of the vault of named keys. */
export const vaultErrors: ErrorTable<VaultErrorCode> = {
  KEY_UNKNOWN: {
    class: "usage",
    meaning: "There is no key of that id.",
    remedy: "See keygrove key list, or make it with keygrove key add.",
  },
  KEY_RATE_EXCEEDED: { class: "refused", meaning: "The key was used as often as its rules allow.", remedy: "Wait a minute." },
  KEY_NOT_EXPORTABLE: {
    class: "refused",
    meaning: "The key was not made exportable; its secret stays in the keystore.",
    remedy: "Register a new key, with --exportable if it must leave.",
  },
  KEY_MATERIAL_INVALID: {
    class: "usage",
    meaning: "What was given is not a secret of that type in a form that is understood.",
    remedy: "Give hex, base64, PEM (PKCS #8), JWK or OpenSSH, unencrypted.",
  },
  KEY_MATERIAL_UNREADABLE: {
    class: "usage",
    meaning: "The file or variable of a key cannot be read, or others can read it.",
    remedy: "Check its name, and chmod 600 it.",
  },
  KEY_CIPHERTEXT_INVALID: {
    class: "refused",
    meaning: "Data was changed, or encrypted by another key or under another context.",
    remedy: "Check which key and context it was encrypted with.",
  },
  KEY_BACKEND_UNSUPPORTED: {
    class: "usage",
    meaning: "What holds the key cannot do that with it.",
    remedy: "Use a key of another backend; docs/protocol/keystore.md tells what each can do.",
  },
  KEY_BACKEND_UNAVAILABLE: {
    class: "failed",
    meaning: "The node has no backend of the name that the key needs.",
    remedy: "Describe it in config.json and restart the node.",
  },
  KEY_PEER_INVALID: { class: "usage", meaning: "The peer's public key is not one.", remedy: "Ask the peer for it again." },
}
