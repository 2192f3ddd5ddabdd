import type { ErrorTable } from "@keygrove/base"
import type { SealerRefusal } from "./sealer.ts"

/** Codes of a machine's TPM. */
export const tpmErrors: ErrorTable<SealerRefusal> = {
  TPM_ABSENT: {
    class: "failed",
    meaning: "There is no TPM 2.0 where one was looked for, or this user may not use it.",
    remedy:
      "Enable the TPM in the machine's firmware; add the user to the group tss; correct tpm.tcti in config.json when it is elsewhere.",
  },
  TPM_BUSY: {
    class: "failed",
    meaning: "The TPM is busy: another program holds it, or all its places for keys.",
    remedy: "Try again; use /dev/tpmrm0, which programs can share, instead of /dev/tpm0.",
  },
  TPM_FAILED: {
    class: "failed",
    meaning: "The TPM failed at an operation, with a code of its own.",
    remedy: "See what the message quotes; tpm2_rc_decode explains the code.",
  },
  TPM_KEY_LOST: {
    class: "failed",
    meaning: "The TPM cannot use what it once wrapped: it was cleared, or is another one.",
    remedy: "Enrol the machine again.",
  },
  TPM_LOCKED_OUT: {
    class: "failed",
    meaning: "The TPM refuses to work for a while, because of too many wrong passwords.",
    remedy: "Wait until it recovers, or reset it with tpm2_dictionarylockout -c.",
  },
  TPM_NOT_ENROLLED: {
    class: "failed",
    meaning: "This machine has no attestation key yet.",
    remedy: "Enrol the machine first.",
  },
  TPM_REGISTERS_CHANGED: {
    class: "failed",
    meaning:
      "The TPM does not open what it sealed, because its registers are not what they were: another system, or another version of it, was started.",
    remedy: "When that was you, unlock the node with its passphrase or key file and run keygrove pieces join --boot-key tpm again.",
  },
  TPM_TIMEOUT: {
    class: "failed",
    meaning: "The TPM did not answer in time.",
    remedy: "Try again; restart the machine when it happens again.",
  },
  TPM_TOOLS_MISSING: {
    class: "failed",
    meaning: "The programs that talk to the TPM are not installed.",
    remedy: "Install the package tpm2-tools.",
  },
}
