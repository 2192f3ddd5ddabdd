import { equalBytes, refuse, type Refusal, type Result } from "@keygrove/base"
import type { EpochKeys, Timestamp } from "@keygrove/hierarchy"
import type { LedgerState, PolicyState } from "@keygrove/ledger"
import { standingPolicy } from "@keygrove/peering"

/**
 * The policy by which a reader may open a label: of those that stand, the newest. Otherwise why none does: revoked, expired, or never granted.
 * @param labelKey 33 bytes.
 */
export function findReadPolicy(
  state: LedgerState,
  now: Timestamp,
  labelKey: Uint8Array,
  reader: Pick<EpochKeys, "encryptionKey">,
): Result<PolicyState, "NO_POLICY" | "POLICY_UNKNOWN" | "POLICY_REVOKED" | "POLICY_EXPIRED"> {
  let refusal: Refusal<"NO_POLICY" | "POLICY_UNKNOWN" | "POLICY_REVOKED" | "POLICY_EXPIRED"> = refuse(
    "NO_POLICY",
    "the label was not granted to this node; give your id (`keygrove id`) to the owner and ask for a grant",
  )
  const mine = [...state.policies.values()].filter(
    ({ grant }) => equalBytes(grant.labelKey, labelKey) && equalBytes(grant.reader.encryptionKey, reader.encryptionKey),
  )
  for (const policy of mine.toSorted((a, b) => b.grantedAt - a.grantedAt)) {
    const standing = standingPolicy({ state, now }, policy.grant.policyId)
    if (standing.ok) return standing
    // The newest one says best why there is none.
    if (refusal.code === "NO_POLICY") refusal = standing
  }
  return refusal
}
