import type { Result, Secret } from "@keygrove/base"
import type { OperatorName, OperatorSpec } from "@keygrove/keys"
import type { CallOptions } from "./call-options.ts"

/** Why an operator of the settings is not there. */
export type OperatorModuleRefusal = "OPERATOR_MODULE_UNREADABLE" | "OPERATOR_MODULE_CHANGED" | "OPERATOR_MODULE_INVALID"

/** Why a use of an operator gave nothing. Messages say nothing of what the function said. */
export type OperatorRunRefusal = "OPERATOR_FAILED" | "OPERATOR_TIMEOUT" | "OPERATOR_MEMORY" | "KEYSTORE_BUSY" | "KEYSTORE_LOCKED"

/** One use of an operator. */
export interface OperatorRun<Code extends string> {
  readonly operator: OperatorName
  readonly input: Uint8Array
  /** Length of the secret that {@link OperatorRun.lend} writes. */
  readonly secretBytes: number
  /** Writes the secret where the function reads it; called at most once, when the function is ready. The runner wipes it there when the use ends, however. */
  readonly lend: (into: Uint8Array) => Result<true, Code>
}

/** What a function returned, not judged yet. Bytes, at most 1 KiB, may be the secret itself: they belong to the caller, who wipes them. */
export type OperatorReturn =
  | { readonly kind: "value"; readonly value: boolean | number | string }
  /** None when no bytes were returned. */
  | { readonly kind: "bytes"; readonly bytes: Secret | undefined }

/**
 * Runs registered functions on secrets, apart from everything else: a slow one stalls nobody, one that takes too long or too much is stopped, and nothing is
 * left of one use for another.
 */
export interface OperatorRunner {
  /** In the order of the settings. */
  readonly operators: readonly OperatorSpec[]
  run<Code extends string>(use: OperatorRun<Code>, options: CallOptions): Promise<Result<OperatorReturn, OperatorRunRefusal | Code>>
}
