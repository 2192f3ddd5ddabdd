import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { isSameNode, type EpochKeys, type Timestamp } from "@keygrove/hierarchy"
import { findHolder, type LedgerState, type PolicyState } from "@keygrove/ledger"
import { standingPolicy } from "@keygrove/peering"
import type { NodeIdentity } from "../ports/keystore.ts"

/** Why a reader has no policy. */
export type ReadRefusal = "NO_POLICY" | "POLICY_UNKNOWN" | "POLICY_REVOKED" | "POLICY_EXPIRED"

/** Who reads: a node and its keys of the current epoch. */
type Reader = Pick<NodeIdentity, "cluster" | "path" | "generation"> & { readonly keys: Pick<EpochKeys, "encryptionKey"> }

/** Whether a policy is for this node: under its current key, or one of an earlier epoch, for which its keystore has the secret. */
export function isReader(state: LedgerState, { grant }: PolicyState, reader: Reader): boolean {
  if (equalBytes(grant.reader.encryptionKey, reader.keys.encryptionKey)) return true
  const holder = findHolder(state, grant.reader.signingKey)
  return holder !== undefined && isSameNode(holder, reader) && holder.generation === reader.generation
}

/**
 * The policies by which a reader may open a label, newest first. Otherwise why there is none: revoked, expired, or never granted.
 * @param labelKey 33 bytes.
 */
export function findReadPolicies(
  state: LedgerState,
  now: Timestamp,
  labelKey: Uint8Array,
  reader: Reader,
): Result<readonly [PolicyState, ...PolicyState[]], ReadRefusal> {
  let refusal: Refusal<ReadRefusal> = refuse(
    "NO_POLICY",
    "the label was not granted to this node; give your id (`keygrove id`) to the owner and ask for a grant",
  )
  const standing: PolicyState[] = []
  const mine = [...state.policies.values()].filter(
    (policy) => equalBytes(policy.grant.labelKey, labelKey) && isReader(state, policy, reader),
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
