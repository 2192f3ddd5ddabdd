import type { ErrorTable } from "@keygrove/base"

export type AttestationErrorCode =
  | "TPM_KEY_ALGORITHM"
  | "TPM_KEY_ATTRIBUTES"
  | "TPM_KEY_INVALID"
  | "TPM_QUOTE_BANK"
  | "TPM_QUOTE_INVALID"
  | "TPM_QUOTE_MAGIC"
  | "TPM_QUOTE_NONCE"
  | "TPM_QUOTE_PCRS"
  | "TPM_QUOTE_TYPE"
  | "TPM_SIGNATURE_ALGORITHM"
  | "TPM_SIGNATURE_INVALID"
  | "TPM_SIGNATURE_WRONG"

/** Codes of core/attestation. */
export const attestationErrors: ErrorTable<AttestationErrorCode> = {
  TPM_KEY_ALGORITHM: {
    class: "refused",
    meaning: "A TPM's attestation key is of a kind that is not accepted here.",
    remedy: "Enrol with a key for ECDSA over P-256 or RSASSA of 2048 bits, with SHA-256.",
  },
  TPM_KEY_ATTRIBUTES: {
    class: "refused",
    meaning: "A TPM's key is not one that signs only what the TPM itself says and that cannot leave it.",
    remedy: "Enrol with an attestation key: a restricted signing key that its TPM made and that is fixed to it.",
  },
  TPM_KEY_INVALID: {
    class: "failed",
    meaning: "The public area of a TPM's attestation key is malformed.",
    remedy: "Enrol the machine again.",
  },
  TPM_QUOTE_BANK: {
    class: "refused",
    meaning: "A TPM quote is about another bank of registers than that of SHA-256, or about several.",
    remedy: "Have the machine quote registers of its SHA-256 bank alone.",
  },
  TPM_QUOTE_INVALID: {
    class: "failed",
    meaning: "What a TPM signed is malformed, or more follows it.",
    remedy: "Ask the machine for another quote.",
  },
  TPM_QUOTE_MAGIC: {
    class: "refused",
    meaning: "What was signed was not made by a TPM: it could be anything that a key was given to sign.",
    remedy: "Do not trust the machine that sent it; look at what runs there.",
  },
  TPM_QUOTE_NONCE: {
    class: "refused",
    meaning: "A TPM quote answers another question than the one that was asked: it may be an old one.",
    remedy: "Ask the machine for another quote; when it happens again, somebody replays quotes.",
  },
  TPM_QUOTE_PCRS: {
    class: "refused",
    meaning: "A TPM quote covers no registers, so it says nothing of what runs.",
    remedy: "Have the machine quote the registers that are asked for.",
  },
  TPM_QUOTE_TYPE: {
    class: "refused",
    meaning: "A TPM signed something else than a quote of its registers.",
    remedy: "Ask the machine for a quote.",
  },
  TPM_SIGNATURE_ALGORITHM: {
    class: "refused",
    meaning: "A TPM quote is signed with another algorithm than its attestation key has.",
    remedy: "Ask the machine for another quote; enrol it again when its attestation key was replaced.",
  },
  TPM_SIGNATURE_INVALID: {
    class: "failed",
    meaning: "The signature of a TPM quote is malformed, or more follows it.",
    remedy: "Ask the machine for another quote.",
  },
  TPM_SIGNATURE_WRONG: {
    class: "refused",
    meaning: "The signature of a TPM quote does not hold: it was changed, or another TPM made it.",
    remedy: "Enrol the machine again if its TPM was replaced or cleared; do not trust it otherwise.",
  },
}
