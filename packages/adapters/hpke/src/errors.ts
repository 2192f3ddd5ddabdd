import type { ErrorTable } from "@keygrove/base"

/** Codes of the sealing adapter. */
export const hpkeErrors: ErrorTable<"SEAL_OPEN_FAILED" | "SEAL_RECIPIENT_INVALID"> = {
  SEAL_OPEN_FAILED: {
    class: "failed",
    meaning: "Sealed data was changed, or is for another key or purpose.",
    remedy: "Ask the sender to send it again.",
  },
  SEAL_RECIPIENT_INVALID: {
    class: "failed",
    meaning: "A sealing key is not a usable X25519 public key.",
    remedy: "Ask the recipient for the key again.",
  },
}
