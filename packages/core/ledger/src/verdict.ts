import type { CustodyVoidReason } from "@keygrove/pieces"

/** Why a well-formed, well-signed entry has no effect. */
export type VoidReason =
  | CustodyVoidReason
  | "KIND_UNKNOWN"
  | "AUTHOR_UNKNOWN"
  | "AUTHOR_KEY_WRONG"
  | "CLUSTER_FINGERPRINT_WRONG"
  | "CLUSTER_DUPLICATE"
  | "CLUSTER_LIMIT"
  | "CLUSTER_REPLACED"
  | "NODE_NOT_A_CHILD"
  | "NODE_GENERATION_STALE"
  | "NODE_LIMIT"
  | "NODE_UNKNOWN"
  | "NODE_NOT_BELOW"
  | "NODE_LAST"
  | "ANCHOR_KEY_REUSED"
  | "REKEY_GENERATION_WRONG"
  | "REKEY_EPOCH_WRONG"
  | "REKEY_PREVIOUS_WRONG"
  | "REKEY_KEY_REUSED"
  | "REKEY_POSSESSION_UNPROVED"
  | "REKEY_ORDER_STALE"
  | "ROOT_SUCCESSOR_WRONG"
  | "TRUST_SELF"
  | "TRUST_FINGERPRINT_WRONG"
  | "TRUST_STALE"
  | "TRUST_UNKNOWN"
  | "TRUST_LIMIT"
  | "PROXY_TERMS_STALE"
  | "POLICY_DUPLICATE"
  | "POLICY_DELEGATION_KEY_FOREIGN"
  | "POLICY_EPOCH_UNKNOWN"
  | "POLICY_PROXY_UNKNOWN"
  | "POLICY_CONTINUES_WRONG"
  | "POLICY_CONTINUES_REVOKED"
  | "POLICY_LIMIT"
  | "POLICY_UNKNOWN"
  | "POLICY_OWNER_WRONG"
  | "POLICY_ALREADY_REVOKED"

/** What the reducer decided about an entry. */
export type Verdict = { readonly kind: "applied" } | { readonly kind: "void"; readonly reason: VoidReason }

/** The state after an entry, and whether it had an effect. */
export interface Application<State> {
  readonly state: State
  readonly verdict: Verdict
}

/** The verdict of an entry that had its effect. */
export const APPLIED: Verdict = { kind: "applied" }

/** The verdict of an entry that had none. */
export function voidFor(reason: VoidReason): Verdict & { readonly kind: "void" } {
  return { kind: "void", reason }
}
