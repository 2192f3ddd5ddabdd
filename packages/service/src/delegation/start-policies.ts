import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { NodeReference, Timestamp } from "@keygrove/hierarchy"
import { standsFor, type LedgerState, type PolicyState } from "@keygrove/ledger"
import { standingPolicy } from "@keygrove/peering"
import type { LabelCard } from "@keygrove/reencryption"
import type { BootKeys } from "../ports/piece-keys.ts"
import type { ReadRefusal } from "../sharing/read-policy.ts"

/** Of whom a start depends: the label that the storage key is sealed to, and the keys under which this node reads while it is locked. */
export interface StartQuestion {
  readonly start: Pick<LabelCard, "label" | "labelKey"> & { readonly owner: NodeReference }
  readonly reader: Pick<BootKeys, "encryptionKey" | "signingKey">
}

/**
 * The policies by which a node can be unlocked, the newest first. Only its owner's count: anybody may grant what looks like the label. Otherwise why there is none; `POLICY_REVOKED` and `POLICY_EXPIRED` have `by: "ledger"` in their data, which
 * sets them apart from what a proxy says.
 */
export function findStartPolicies(
  state: LedgerState,
  now: Timestamp,
  { reader, start }: StartQuestion,
): Result<readonly [PolicyState, ...PolicyState[]], ReadRefusal> {
  const mine = [...state.policies.values()].filter(
    ({ grant, owner }) =>
      equalBytes(grant.labelKey, start.labelKey) &&
      equalBytes(grant.reader.encryptionKey, reader.encryptionKey) &&
      equalBytes(grant.reader.signingKey, reader.signingKey) &&
      standsFor(state, owner, start.owner),
  )
  const newestFirst = mine.toSorted((a, b) => b.grantedAt - a.grantedAt)
  const judged = newestFirst.map((policy) => standingPolicy({ state, now }, policy.grant.policyId))
  const [newest, ...older] = judged.flatMap((each) => (each.ok ? [each.value] : []))
  if (newest !== undefined) return ok([newest, ...older])
  const [over] = judged
  return over === undefined || over.ok ? notGranted(start) : isOver(over, start)
}

function notGranted({ label, owner }: StartQuestion["start"]): Refusal<"NO_POLICY"> {
  return refuse(
    "NO_POLICY",
    `${owner.path} has not granted "${label}" to this node's boot key; there, run \`keygrove grant\` with the id that \`keygrove status\` shows here`,
  )
}

function isOver({ code, data, message }: Refusal<ReadRefusal>, { label, owner }: StartQuestion["start"]): Refusal<ReadRefusal> {
  const remedy = `have ${owner.path} grant "${label}" again, or start the node with its passphrase or key file`
  return refuse(code, `${message.replace(/; ask for a new one$/, "")}; ${remedy}`, { ...data, by: "ledger" })
}
