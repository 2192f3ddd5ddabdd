import type { ErrorTable } from "@keygrove/base"

export type CryptoErrorCode =
  | "AEAD_FAILED"
  | "ARGUMENTS_REPEATED"
  | "POINT_INVALID"
  | "SCALAR_INVALID"
  | "SEALED_MESSAGE_INVALID"
  | "STREAM_CORRUPT"
  | "STREAM_TRAILING"
  | "STREAM_TRUNCATED"
  | "SUITE_UNKNOWN"
  | "X25519_SMALL_ORDER"

/** Codes of core/crypto. */
export const cryptoErrors: ErrorTable<CryptoErrorCode> = {
  AEAD_FAILED: {
    class: "failed",
    meaning: "Encrypted data does not match its key: it was changed, or belongs to another key.",
    remedy: "Fetch the data again from its source, or use the key it was made with.",
  },
  ARGUMENTS_REPEATED: {
    class: "failed",
    meaning: "Two shares of one polynomial have the same argument, or one has the argument zero.",
    remedy: "Collect shares from different holders.",
  },
  POINT_INVALID: {
    class: "failed",
    meaning: "A secp256k1 public key is not 33 bytes of a canonical point on the curve.",
    remedy: "Ask its owner for the key again.",
  },
  SCALAR_INVALID: {
    class: "failed",
    meaning: "A secp256k1 scalar is not 32 bytes in the range from 1 to the group order less 1.",
    remedy: "Ask the peer for the value again.",
  },
  SEALED_MESSAGE_INVALID: {
    class: "failed",
    meaning: "A sealed message is malformed, from or for somebody else, for another purpose, or its signature does not hold.",
    remedy: "Ask the sender to send it again.",
  },
  STREAM_CORRUPT: {
    class: "failed",
    meaning: "A chunk of an encrypted stream was changed, moved, repeated, or belongs to another key.",
    remedy: "Fetch the stream again from its source.",
  },
  STREAM_TRAILING: {
    class: "failed",
    meaning: "Bytes follow the last chunk of an encrypted stream.",
    remedy: "Fetch the stream again from its source.",
  },
  STREAM_TRUNCATED: {
    class: "failed",
    meaning: "An encrypted stream ends before its last chunk.",
    remedy: "Fetch the stream again from its source.",
  },
  SUITE_UNKNOWN: {
    class: "usage",
    meaning: "The cipher suite is not one this version knows.",
    remedy: "Use one of the suites that the message lists, or update Keygrove.",
  },
  X25519_SMALL_ORDER: {
    class: "failed",
    meaning: "An X25519 public key is of small order and would give a shared secret that anyone knows.",
    remedy: "Refuse the peer; ask it for another key.",
  },
}
