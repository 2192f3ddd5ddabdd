import type { ErrorTable } from "./error-table.ts"

/** Codes of core/base. */
export const baseErrors: ErrorTable<"BASE64_INVALID" | "CBOR_INVALID" | "CBOR_TOO_LARGE" | "HEX_INVALID"> = {
  BASE64_INVALID: {
    class: "usage",
    meaning: "A text that should be base64 is not.",
    remedy: "Give the standard alphabet with its padding, and no line breaks.",
  },
  CBOR_INVALID: {
    class: "failed",
    meaning: "Bytes are not well-formed CBOR in its one canonical form.",
    remedy: "Fetch the data again from its source, or update the program that made it.",
  },
  CBOR_TOO_LARGE: {
    class: "failed",
    meaning: "A message is longer than its kind may be.",
    remedy: "Ask the sender for a smaller one; the message names both lengths.",
  },
  HEX_INVALID: {
    class: "usage",
    meaning: "A text that should be hexadecimal is not.",
    remedy: "Give pairs of the characters 0-9 and a-f.",
  },
}
