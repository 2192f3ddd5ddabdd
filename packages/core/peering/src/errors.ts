import type { ErrorTable } from "@keygrove/base"

export type PeeringErrorCode =
  | "PROXY_REQUEST_INVALID"
  | "PROXY_ANSWER_INVALID"
  | "RECEIPT_INVALID"
  | "NOT_OFFERING"
  | "OFFER_TOO_SHORT"
  | "CAPACITY_SPENT"
  | "FRAGMENT_HELD"
  | "FRAGMENT_UNKNOWN"
  | "OWNER_UNKNOWN"
  | "NOT_OWNER"
  | "NOT_READER"
  | "POLICY_UNKNOWN"
  | "POLICY_REVOKED"
  | "POLICY_EXPIRED"
  | "REQUEST_STALE"
  | "RATE_LIMITED"
  | "PROXY_FAILED"

/** Codes between owners, readers and proxies. */
export const peeringErrors: ErrorTable<PeeringErrorCode> = {
  PROXY_REQUEST_INVALID: {
    class: "failed",
    meaning: "A proxy was sent a message it does not understand.",
    remedy: "Use the same version of keygrove on both sides.",
  },
  PROXY_ANSWER_INVALID: {
    class: "failed",
    meaning: "A proxy's answer is not well-formed.",
    remedy: "Use the same version of keygrove on both sides, or another proxy.",
  },
  RECEIPT_INVALID: { class: "failed", meaning: "A proxy's receipt is not signed by it for this policy.", remedy: "Use another proxy." },
  NOT_OFFERING: {
    class: "refused",
    meaning: "The node offers nothing as a proxy.",
    remedy: "Choose proxies that do; `keygrove proxy offer` makes a node one.",
  },
  OFFER_TOO_SHORT: {
    class: "refused",
    meaning: "The proxy's offer ends before the policy does.",
    remedy: "Choose an earlier expiry or another proxy.",
  },
  CAPACITY_SPENT: { class: "refused", meaning: "The proxy keeps as many fragments as it offered.", remedy: "Use another proxy." },
  FRAGMENT_HELD: {
    class: "refused",
    meaning: "The proxy holds another fragment of this policy already.",
    remedy: "Use another proxy: no node may hold two.",
  },
  FRAGMENT_UNKNOWN: {
    class: "refused",
    meaning: "The proxy holds no fragment of this policy.",
    remedy: "Ask another proxy of the policy.",
  },
  OWNER_UNKNOWN: {
    class: "refused",
    meaning: "The sender is no node that the ledger knows.",
    remedy: "Wait until its statements are on the ledger.",
  },
  NOT_OWNER: { class: "refused", meaning: "The policy belongs to another node.", remedy: "Ask its owner." },
  NOT_READER: {
    class: "refused",
    meaning: "The request is not signed by the policy's reader.",
    remedy: "Ask the owner for a policy of your own.",
  },
  POLICY_UNKNOWN: { class: "refused", meaning: "The ledger has no such policy.", remedy: "Check the id with `keygrove policy list`." },
  POLICY_REVOKED: { class: "refused", meaning: "The owner revoked the policy.", remedy: "Ask the owner to grant again." },
  POLICY_EXPIRED: { class: "refused", meaning: "The policy has expired.", remedy: "Ask the owner to grant again." },
  REQUEST_STALE: {
    class: "refused",
    meaning: "The request was signed too long ago or in the future.",
    remedy: "Set the clocks of both machines.",
  },
  RATE_LIMITED: { class: "peers", meaning: "A peer asks a proxy too often.", remedy: "Wait a moment." },
  PROXY_FAILED: { class: "peers", meaning: "The proxy could not do its part.", remedy: "Ask another proxy; its log tells its owner more." },
}
