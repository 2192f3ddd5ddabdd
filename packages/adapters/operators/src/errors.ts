import type { ErrorTable } from "@keygrove/base"
import type { OperatorModuleRefusal, OperatorRunRefusal } from "@keygrove/service"

export type OperatorErrorCode = OperatorModuleRefusal | Exclude<OperatorRunRefusal, "KEYSTORE_BUSY" | "KEYSTORE_LOCKED">

/** Codes of the operators. What a function itself says when it fails is never told: it may quote the secret. */
export const operatorErrors: ErrorTable<OperatorErrorCode> = {
  OPERATOR_MODULE_UNREADABLE: {
    class: "usage",
    meaning: "The module of an operator cannot be read, or is too long.",
    remedy: "Check its path in config.json, and that the node may read it.",
  },
  OPERATOR_MODULE_CHANGED: {
    class: "refused",
    meaning: "The module of an operator is not the one that config.json names.",
    remedy: "Find out who changed it; if it was you, put the digest that keygrove operator check prints into config.json.",
  },
  OPERATOR_MODULE_INVALID: {
    class: "usage",
    meaning: "The module of an operator does not load, or exports no function.",
    remedy: "Bundle it into one file without imports that exports a function called operate; see docs/operators.md.",
  },
  OPERATOR_FAILED: {
    class: "failed",
    meaning: "An operator threw, or returned nothing that can leave.",
    remedy: "Try its module on a key of your own making; what it said is not told.",
  },
  OPERATOR_TIMEOUT: {
    class: "failed",
    meaning: "An operator took longer than it may.",
    remedy: "Make it faster, or give it more timeoutMs in config.json.",
  },
  OPERATOR_MEMORY: {
    class: "failed",
    meaning: "Operators took more memory than they may.",
    remedy: "Make the operator's module need less, or use fewer at once.",
  },
}
