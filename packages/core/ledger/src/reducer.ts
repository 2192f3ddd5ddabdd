import { unreachable } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { isCustodyStatement } from "@keygrove/pieces"
import { applyCustodyStatement } from "./custody.ts"
import type { Entry } from "./entry.ts"
import type { LedgerIndex } from "./head.ts"
import { applyCluster, applyNode, applyRekey, applyRekeyOrdered } from "./membership.ts"
import { applyNodeRevoked, applyRootReplaced } from "./removal.ts"
import { applyPolicyGranted, applyPolicyRevoked, applyProxyTerms } from "./sharing.ts"
import type { LedgerState } from "./state.ts"
import { isRemoval } from "./statement.ts"
import { rejected } from "./transitions.ts"
import { applyTrust, applyTrustRemoved } from "./trust.ts"
import type { Application } from "./verdict.ts"

/** An entry whose signature may still be missing: a draft is judged as the entry it would become. */
export type Judgeable = Pick<Entry, "author" | "body" | "statement">

/**
 * Folds one entry into the state. Total and deterministic: the same entries give the same state everywhere. The entry's form and signature have been
 * checked (`verifyEntry`); what the state does not allow is void and changes nothing. The rules are in docs/protocol/ledger.md.
 */
export function applyEntry(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  state: LedgerState,
  index: LedgerIndex,
  entry: Judgeable,
): Application<LedgerState> {
  const { author, statement } = entry
  if (statement === undefined) return rejected(state, "KIND_UNKNOWN")
  if (state.clusters.get(author.cluster)?.replacedBy !== undefined && !isRemoval(statement.kind)) return rejected(state, "CLUSTER_REPLACED")
  if (isCustodyStatement(statement)) return applyCustodyStatement(primitives, state, { index, author, body: statement })
  switch (statement.kind) {
    case "cluster":
      return applyCluster(primitives, state, { index, author, body: statement.body })
    case "node":
      return applyNode(state, { index, author, body: statement.body })
    case "rekey":
      return applyRekey(primitives, state, { index, author, body: statement.body, digest: primitives.sha256(entry.body) })
    case "rekey-ordered":
      return applyRekeyOrdered(state, { index, author, body: statement.body })
    case "node-revoked":
      return applyNodeRevoked(state, { index, author, body: statement.body })
    case "root-replaced":
      return applyRootReplaced(primitives, state, { index, author, body: statement.body })
    case "trust":
      return applyTrust(primitives, state, { index, author, body: statement.body })
    case "trust-removed":
      return applyTrustRemoved(state, { index, author, body: statement.body })
    case "proxy-terms":
      return applyProxyTerms(state, { index, author, body: statement.body })
    case "policy-granted":
      return applyPolicyGranted(state, { index, author, body: statement.body })
    case "policy-revoked":
      return applyPolicyRevoked(state, { index, author, body: statement.body })
    default:
      return unreachable(statement)
  }
}
