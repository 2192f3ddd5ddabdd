import type { ParamSpecs } from "./params.ts"

/** What a method takes and does. Results are in results.ts and key-results.ts. */
export interface MethodSpec {
  readonly summary: string
  readonly params: ParamSpecs
}
