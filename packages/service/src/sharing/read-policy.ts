import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { EpochKeys, Timestamp } from "@keygrove/hierarchy"
import type { LedgerState, PolicyState } from "@keygrove/ledger"
import { standingPolicy } from "@keygrove/peering"

/** Why a reader has no policy. */
export type ReadRefusal = "NO_POLICY" | "POLICY_UNKNOWN" | "POLICY_REVOKED" | "POLICY_EXPIRED"

/**
 * The policies by which a reader may open a label, newest first. Otherwise why there is none: revoked, expired, or never granted.
 * @param labelKey 33 bytes.
 */
export function findReadPolicies(
  state: LedgerState,
  now: Timestamp,
  labelKey: Uint8Array,
  reader: Pick<EpochKeys, "encryptionKey">,
): Result<readonly [PolicyState, ...PolicyState[]], ReadRefusal> {
  let refusal: Refusal<ReadRefusal> = refuse(
    "NO_POLICY",
    "the label was not granted to this node; give your id (`keygrove id`) to the owner and ask for a grant",
  )
  const standing: PolicyState[] = []
  const mine = [...state.policies.values()].filter(
    ({ grant }) => equalBytes(grant.labelKey, labelKey) && equalBytes(grant.reader.encryptionKey, reader.encryptionKey),
  )
  for (const policy of mine.toSorted((a, b) => b.grantedAt - a.grantedAt)) {
    const judged = standingPolicy({ state, now }, policy.grant.policyId)
    if (judged.ok) standing.push(judged.value)
    // The newest one says best why there is none.
    else if (refusal.code === "NO_POLICY") refusal = judged
  }
  const [newest, ...older] = standing
  return newest === undefined ? refusal : ok([newest, ...older])
}
