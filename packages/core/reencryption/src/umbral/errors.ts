import type { ErrorTable } from "@keygrove/base"

export type UmbralErrorCode =
  | "UMBRAL_ENCODING"
  | "UMBRAL_TRAILING_BYTES"
  | "UMBRAL_POINT_UNCOMPRESSED"
  | "UMBRAL_POINT_INFINITY"
  | "UMBRAL_POINT_INVALID"
  | "UMBRAL_SCALAR_INVALID"
  | "UMBRAL_FRAGMENT_KEY_ZERO"
  | "UMBRAL_PARAMETERS_FOREIGN"
  | "UMBRAL_CAPSULE_INVALID"
  | "UMBRAL_THRESHOLD_ZERO"
  | "UMBRAL_SHARES_TOO_FEW"
  | "UMBRAL_SHARES_TOO_MANY"
  | "UMBRAL_COMMITMENT_WRONG"
  | "UMBRAL_SIGNATURE_WRONG"
  | "UMBRAL_KEY_NOT_GIVEN"
  | "UMBRAL_PROOF_WRONG"
  | "UMBRAL_FRAGMENTS_MISSING"
  | "UMBRAL_FRAGMENTS_REPEATED"
  | "UMBRAL_FRAGMENTS_MIXED"
  | "UMBRAL_FRAGMENTS_INSUFFICIENT"

const askAgain = "Ask the sender for it again; if it stays the same, the sender's software is at fault."

/** Codes of the Umbral scheme. */
export const umbralErrors: ErrorTable<UmbralErrorCode> = {
  UMBRAL_ENCODING: { class: "failed", meaning: "An Umbral object is not in the reference's MessagePack form.", remedy: askAgain },
  UMBRAL_TRAILING_BYTES: { class: "failed", meaning: "Bytes follow the end of an Umbral object.", remedy: askAgain },
  UMBRAL_POINT_UNCOMPRESSED: {
    class: "failed",
    meaning: "A point is in uncompressed form; only the 33-byte form is accepted.",
    remedy: askAgain,
  },
  UMBRAL_POINT_INFINITY: { class: "failed", meaning: "A point is the point at infinity.", remedy: askAgain },
  UMBRAL_POINT_INVALID: { class: "failed", meaning: "33 bytes are not a point of secp256k1.", remedy: askAgain },
  UMBRAL_SCALAR_INVALID: { class: "failed", meaning: "A scalar is zero or not below the group order.", remedy: askAgain },
  UMBRAL_FRAGMENT_KEY_ZERO: { class: "failed", meaning: "The key inside a key fragment is zero.", remedy: askAgain },
  UMBRAL_PARAMETERS_FOREIGN: { class: "failed", meaning: "A key fragment was made for another parameter U.", remedy: askAgain },
  UMBRAL_CAPSULE_INVALID: {
    class: "failed",
    meaning: "A capsule fails its own check: it was changed or made wrongly.",
    remedy: "Fetch the encrypted data again.",
  },
  UMBRAL_THRESHOLD_ZERO: { class: "usage", meaning: "The threshold must be at least 1.", remedy: "Choose a threshold of 1 or more." },
  UMBRAL_SHARES_TOO_FEW: {
    class: "usage",
    meaning: "There are fewer shares than the threshold.",
    remedy: "Choose at least as many shares as the threshold.",
  },
  UMBRAL_SHARES_TOO_MANY: { class: "usage", meaning: "There are more shares than the limit.", remedy: "Choose fewer shares." },
  UMBRAL_COMMITMENT_WRONG: {
    class: "failed",
    meaning: "A key fragment does not match its commitment.",
    remedy: "Refuse it; its sender lied or it was damaged.",
  },
  UMBRAL_SIGNATURE_WRONG: {
    class: "failed",
    meaning: "A fragment is not signed by the owner of the data for these keys.",
    remedy: "Refuse it; its sender lied or the keys are others.",
  },
  UMBRAL_KEY_NOT_GIVEN: {
    class: "failed",
    meaning: "A fragment's signature covers a key that was not given to check it.",
    remedy: "Verify it with both the delegating and the receiving key.",
  },
  UMBRAL_PROOF_WRONG: { class: "failed", meaning: "A proxy did not re-encrypt correctly.", remedy: "Ask another proxy." },
  UMBRAL_FRAGMENTS_MISSING: {
    class: "failed",
    meaning: "No capsule fragments were given.",
    remedy: "Collect at least the threshold of them.",
  },
  UMBRAL_FRAGMENTS_REPEATED: {
    class: "failed",
    meaning: "A capsule fragment was given twice.",
    remedy: "Collect fragments of distinct proxies.",
  },
  UMBRAL_FRAGMENTS_MIXED: {
    class: "failed",
    meaning: "The capsule fragments come from different grants.",
    remedy: "Collect all fragments from one policy.",
  },
  UMBRAL_FRAGMENTS_INSUFFICIENT: {
    class: "failed",
    meaning: "The capsule fragments do not open the capsule: too few, or of another capsule.",
    remedy: "Collect at least the threshold, for this capsule.",
  },
}
