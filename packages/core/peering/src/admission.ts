import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { isSameNode, type Timestamp } from "@keygrove/hierarchy"
import {
  findHolder,
  findLastKey,
  findNode,
  findNodeByKey,
  findPolicy,
  hasKeys,
  type KeyedNode,
  type LedgerState,
  type PolicyState,
} from "@keygrove/ledger"
import type { PolicyDraft, ReencryptionRequest } from "./proxy-messages.ts"
import { requestSignBytes } from "./proxy-signatures.ts"

/** How far the clocks of reader and proxy may be apart, with the time a request travels. */
export const MAX_CLOCK_SKEW_MS = 300_000

/** What a proxy knows when it judges a request. */
export interface ProxyView {
  readonly state: LedgerState
  readonly now: Timestamp
  /** The proxy's own signing key, 32 bytes. */
  readonly selfKey: Uint8Array
  /** Keys that it rekeyed from so lately that requests which name them may still be under way; 32 bytes each. */
  readonly lateKeys?: readonly Uint8Array[]
}

export type StoreRefusal =
  | "NOT_OFFERING"
  | "OFFER_TOO_SHORT"
  | "CAPACITY_SPENT"
  | "OWNER_UNKNOWN"
  | "NOT_OWNER"
  | "POLICY_EXPIRED"
  | "POLICY_REVOKED"

/** Whether a fragment is accepted from `from` (the channel's key). `held` is how many of other policies the proxy keeps. */
export function admitStore(view: ProxyView, from: Uint8Array, draft: PolicyDraft, held: number): Result<KeyedNode, StoreRefusal> {
  const self = findHolder(view.state, view.selfKey)
  if (self?.terms === undefined || self.terms.until <= view.now)
    return refuse("NOT_OFFERING", "this node offers nothing as a proxy; choose another")
  if (self.terms.until < draft.expiresAt)
    return refuse("OFFER_TOO_SHORT", `the offer ends at ${self.terms.until}, before the policy at ${draft.expiresAt}; choose another proxy`)
  if (draft.expiresAt <= view.now) return refuse("POLICY_EXPIRED", `the policy expired at ${draft.expiresAt}; it is ${view.now}`)
  if (held >= self.terms.capacity) return refuse("CAPACITY_SPENT", `all ${self.terms.capacity} places are taken; choose another proxy`)
  const owner = findNode(view.state, draft.owner)
  if (owner === undefined || !hasKeys(owner))
    return refuse("OWNER_UNKNOWN", "the ledger knows no such node as the policy's owner; wait until it does")
  if (!equalBytes(owner.keys.signingKey, from)) return refuse("NOT_OWNER", "the sender is not the node it says owns the policy")
  if (!equalBytes(owner.keys.delegationKey, draft.delegationKey))
    return refuse("NOT_OWNER", "the delegation key is not the one the ledger names for the owner")
  const known = findPolicy(view.state, draft.policyId)
  if (known !== undefined && !isSameNode(known.owner, draft.owner))
    return refuse("NOT_OWNER", "another node granted the policy with this id")
  if (known?.revokedAt !== undefined) return refuse("POLICY_REVOKED", "the policy was revoked; grant again under another id")
  return ok(owner)
}

export type ReencryptRefusal = "POLICY_UNKNOWN" | "POLICY_REVOKED" | "POLICY_EXPIRED" | "NOT_READER" | "REQUEST_STALE"

/** Whether a capsule is re-encrypted: the policy stands on the ledger, has not expired, and its reader signed this request for this proxy, just now. */
export function admitReencrypt(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  view: ProxyView,
  request: ReencryptionRequest,
): Result<PolicyState, ReencryptRefusal> {
  const standing = standingPolicy(view, request.policyId)
  if (!standing.ok) return standing
  const { grant } = standing.value
  // A reader that has rekeyed since is still the reader, and its old key is not any more, also when the node has ended.
  const readerKey = findLastKey(view.state, grant.reader.signingKey) ?? grant.reader.signingKey
  const isSigned = [view.selfKey, ...(view.lateKeys ?? [])].some((proxyKey) =>
    primitives.ed25519.verify(readerKey, requestSignBytes(primitives, request, proxyKey), request.signature),
  )
  if (!isSigned) return refuse("NOT_READER", "the request is not signed by the reader of the policy")
  if (Math.abs(view.now - request.issuedAt) > MAX_CLOCK_SKEW_MS) {
    return refuse(
      "REQUEST_STALE",
      `the request was signed at ${request.issuedAt}, it is ${view.now}; at most ${MAX_CLOCK_SKEW_MS} ms apart: set the clocks`,
    )
  }
  return standing
}

/** The policy, when it stands and has not expired. */
export function standingPolicy(
  { state, now }: Pick<ProxyView, "state" | "now">,
  policyId: Uint8Array,
): Result<PolicyState, "POLICY_UNKNOWN" | "POLICY_REVOKED" | "POLICY_EXPIRED"> {
  const policy = findPolicy(state, policyId)
  if (policy === undefined) return refuse("POLICY_UNKNOWN", "the ledger has no such policy; check its id")
  if (policy.revokedAt !== undefined)
    return refuse("POLICY_REVOKED", `the owner revoked the policy at ledger entry ${policy.revokedAt}; ask for a new one`, {
      entry: policy.revokedAt,
    })
  if (policy.grant.expiresAt <= now)
    return refuse("POLICY_EXPIRED", `the policy expired at ${policy.grant.expiresAt}, it is ${now}; ask for a new one`, {
      expiresAt: policy.grant.expiresAt,
    })
  return ok(policy)
}

/** Whether a fragment may go on the word of `from`: its owner may always remove it; once the policy is over, anyone may ask for what must happen anyway. */
export function admitRemoval(
  view: ProxyView,
  from: Uint8Array,
  policyId: Uint8Array,
  owner: PolicyDraft["owner"],
): Result<true, "NOT_OWNER"> {
  const sender = findNodeByKey(view.state, from)
  if (sender !== undefined && isSameNode(sender, owner)) return ok(true)
  const policy = standingPolicy(view, policyId)
  if (!policy.ok && policy.code !== "POLICY_UNKNOWN") return ok(true)
  return refuse("NOT_OWNER", "only the owner may remove a fragment of a policy that stands")
}
