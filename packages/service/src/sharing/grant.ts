import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { decodeTimestamp, type Identity, type Timestamp } from "@keygrove/hierarchy"
import { findPolicy, type PolicyState } from "@keygrove/ledger"
import { MAX_SHARES } from "@keygrove/reencryption"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Placement } from "../ports/placement.ts"
import { listGrantJobs, removeGrantJob, type GrantJob } from "./grant-job.ts"
import { findLabel } from "./label-records.ts"
import { openJob, performJob, rollBack } from "./make-policy.ts"
import { underOneKey } from "./own-keys.ts"
import { checkReaderStands, checkRootStands } from "./standing-root.ts"

export interface GrantOrder {
  readonly label: string
  readonly reader: Pick<Identity, "encryptionKey" | "signingKey">
  readonly threshold: number
  readonly shares: number
  readonly expiresAt: Timestamp
}

/** Pause before the ledger is asked again whether a grant that was cut off stands. */
const LEDGER_RETRY_MS = 5_000
/** Pause between rounds over grants that are not settled. */
const RETRY_MS = 30_000

/**
 * Grants a label to a reader: fragments are made and remembered, each kept by another proxy against a receipt, and only then does the policy stand
 * on the ledger. Resolves when it does. A crash before that is rolled back by {@link resumeGrants}, after that
 * completed; a ledger that does not answer is asked again by {@link retryGrants}. The policy is for the key that is in use; `GrantRemaking` sees to those that the label had before.
 */
export async function grantPolicy(
  context: NodeContext,
  placement: Placement,
  order: GrantOrder,
  options: CallOptions,
): Promise<Result<PolicyState>> {
  const refusal = checkOrder(order, context.clock.now())
  if (refusal !== undefined) return refusal
  const stands = checkRootStands(context)
  if (!stands.ok) return stands
  const reader = checkReaderStands(context.replica.state, order.reader)
  if (!reader.ok) return reader
  const grantOnce = async (): Promise<Result<PolicyState>> => {
    // In turn with the label's move to another key: either the move sees this job, or the job is for the key that it moved to.
    const job = await context.labelTurns.take(order.label, async () => await openOrder(context, placement, order, options))
    return job.ok ? await performJob(context, job.value, options) : job
  }
  return await underOneKey(context, grantOnce, options)
}

/**
 * Ends what an earlier run of the node left: a grant that stands on the ledger is done, any other is rolled back. To be called before this run grants anything. Only a
 * ledger that was just asked can say that a policy does not stand, so this waits, until the signal fires, while it is out of reach.
 */
export async function resumeGrants(context: NodeContext, options: CallOptions): Promise<Result<true>> {
  const jobs = await listGrantJobs(context.storage, options)
  return jobs.ok ? await endJobs(context, jobs.value, options) : jobs
}

/** Ends, until the signal fires, the grants of this run of which it is not known whether they stand. */
export async function retryGrants(context: NodeContext, { signal }: CallOptions): Promise<void> {
  while (!signal.aborted) {
    await context.clock.sleep(RETRY_MS, { signal })
    const jobs = await listGrantJobs(context.storage, { signal })
    const unsettled = jobs.ok ? jobs.value.filter((job) => job.unsettled) : []
    await endJobs(context, unsettled, { signal })
  }
}

async function endJobs(context: NodeContext, jobs: readonly GrantJob[], options: CallOptions): Promise<Result<true>> {
  while (jobs.length > 0) {
    const refreshed = await context.replica.refresh(options)
    if (refreshed.ok) break
    if (refreshed.code !== "LEDGER_UNREACHABLE" && refreshed.code !== "DISK_FULL") return refreshed
    await context.clock.sleep(LEDGER_RETRY_MS, options)
  }
  for (const job of jobs) {
    if (findPolicy(context.replica.state, job.policy.policyId) === undefined) await rollBack(context, job)
    else await removeGrantJob(context.storage, job.policy.policyId, options)
  }
  return ok(true)
}

function checkOrder({ expiresAt, shares, threshold }: GrantOrder, now: Timestamp): Refusal | undefined {
  if (threshold < 1 || threshold > shares)
    return refuse("THRESHOLD_ABOVE_SHARES", `threshold ${threshold} of ${shares} shares is impossible; choose 1 ≤ m ≤ n`, {
      threshold,
      shares,
    })
  if (shares > MAX_SHARES)
    return refuse("SHARES_LIMIT", `${shares} shares; a policy has at most ${MAX_SHARES}`, { shares, limit: MAX_SHARES })
  if (!decodeTimestamp(expiresAt).ok) return refuse("EXPIRY_TOO_FAR", "the expiry is not a time that can be stored; choose an earlier one")
  if (expiresAt <= now)
    return refuse("EXPIRY_IN_PAST", `the expiry ${new Date(expiresAt).toISOString()} is past; choose a time in the future`, { expiresAt })
  return undefined
}

async function openOrder(context: NodeContext, placement: Placement, order: GrantOrder, options: CallOptions): Promise<Result<GrantJob>> {
  const label = await findLabel(context, order.label, options)
  if (!label.ok) return label
  if (label.value === undefined)
    return refuse("LABEL_UNKNOWN", `nothing was encrypted under the label "${order.label}" on this node; check its spelling`)
  if (!context.primitives.curve.decodePoint(order.reader.encryptionKey).ok)
    return refuse("READER_KEY_INVALID", "the reader's identity holds no valid key; ask for `keygrove id` again")
  return await openJob(context, placement, { ...order, key: label.value }, options)
}
