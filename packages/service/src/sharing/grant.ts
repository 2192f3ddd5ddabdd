import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { decodeTimestamp, type Identity, type Timestamp } from "@keygrove/hierarchy"
import { findPolicy, type PolicyState } from "@keygrove/ledger"
import type { PolicyDraft, Receipt } from "@keygrove/peering"
import { MAX_SHARES, type PolicyGrant } from "@keygrove/reencryption"
import type { StatementSigner } from "../ledger/replica.ts"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Placement, ProxyCandidate } from "../ports/placement.ts"
import { removeFragment, storeFragment } from "../proxy/proxy-client.ts"
import { listGrantJobs, removeGrantJob, saveGrantJob, type GrantJob, type GrantRecipient } from "./grant-job.ts"
import { findLabel } from "./labels.ts"
import { statementSigner } from "./statement-signer.ts"

export interface GrantOrder {
  readonly label: string
  readonly reader: Pick<Identity, "encryptionKey" | "signingKey">
  readonly threshold: number
  readonly shares: number
  readonly expiresAt: Timestamp
}

/** How long one proxy may take to keep a fragment. */
const STORE_TIMEOUT_MS = 8_000
/** Fragments made beyond the shares, for proxies that turn out to be down; each goes to one node or to none. */
const SPARES = 5
/** How long the orderly end of a failed grant may take; proxies forget what never stood by themselves. */
const ROLL_BACK_TIMEOUT_MS = 5_000
/** Pause before the ledger is asked again whether a grant that was cut off stands. */
const LEDGER_RETRY_MS = 5_000
/** Pause between rounds over grants that are not settled. */
const RETRY_MS = 30_000

/**
 * Grants a label to a reader: fragments are made and remembered, each kept by another proxy against a receipt, and only then does the policy stand
 * on the ledger. Resolves when it does. A crash before that is rolled back by {@link resumeGrants}, after that
 * completed; a ledger that does not answer is asked again by {@link retryGrants}.
 */
export async function grantPolicy(
  context: NodeContext,
  placement: Placement,
  order: GrantOrder,
  options: CallOptions,
): Promise<Result<PolicyState>> {
  const refusal = checkOrder(order, context.clock.now())
  if (refusal !== undefined) return refusal
  const job = await prepareJob(context, placement, order, options)
  if (!job.ok) return job
  const saved = await saveGrantJob(context.storage, job.value, options)
  if (!saved.ok) return saved
  const kept = await distribute(context, job.value, options).catch(async (error: unknown) => {
    // The caller left in the middle: nobody will ever use these fragments.
    await rollBack(context, job.value)
    throw error
  })
  if (kept.length < order.shares) {
    await rollBack(context, job.value)
    return notEnough(`${kept.length} of ${order.shares} proxies keep a fragment`, { found: kept.length, needed: order.shares })
  }
  const appended = await publish(context, job.value, kept, options).catch(async (error: unknown) => {
    await leaveUnsettled(context, job.value)
    throw error
  })
  if (!appended.ok) {
    // An unreachable ledger may have written it all the same: that is for `retryGrants` to find out.
    if (appended.code === "LEDGER_UNREACHABLE") await leaveUnsettled(context, job.value)
    else await rollBack(context, job.value)
    return appended
  }
  await removeGrantJob(context.storage, job.value.policy.policyId, options)
  const standing = findPolicy(context.replica.state, job.value.policy.policyId)
  return standing === undefined
    ? refuse("LEDGER_CORRUPT", "the ledger accepted the policy but does not show it; restart the node")
    : ok(standing)
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

async function prepareJob(context: NodeContext, placement: Placement, order: GrantOrder, options: CallOptions): Promise<Result<GrantJob>> {
  const { keystore, primitives, random } = context
  const label = await findLabel(context, order.label, options)
  if (!label.ok) return label
  if (label.value === undefined)
    return refuse("LABEL_UNKNOWN", `nothing was encrypted under the label "${order.label}" on this node; check its spelling`)
  if (!primitives.curve.decodePoint(order.reader.encryptionKey).ok)
    return refuse("READER_KEY_INVALID", "the reader's identity holds no valid key; ask for `keygrove id` again")
  const policyId = random(32)
  const candidates = (await placement.candidates(policyId, order.expiresAt, options)).slice(0, Math.min(MAX_SHARES, order.shares + SPARES))
  if (candidates.length < order.shares) {
    return notEnough(
      `${candidates.length} of ${order.shares} proxies offer to keep a fragment until ${new Date(order.expiresAt).toISOString()}`,
      { found: candidates.length, needed: order.shares },
    )
  }
  const { epoch, labelKey } = label.value
  const fragments = await keystore.generateFragments(
    { label: order.label, epoch, policyId, readerKey: order.reader.encryptionKey, threshold: order.threshold, recipients: candidates },
    options,
  )
  if (!fragments.ok) return fragments
  const { expiresAt, shares, threshold } = order
  const reader = { encryptionKey: order.reader.encryptionKey, signingKey: order.reader.signingKey }
  const policy = {
    policyId,
    scheme: "umbral" as const,
    epoch,
    labelKey,
    delegationKey: keystore.identity().keys.delegationKey,
    reader,
    threshold,
    expiresAt,
  }
  return ok({
    policy,
    shares,
    unsettled: false,
    recipients: candidates.flatMap((candidate, index) => withFragment(candidate, fragments.value[index])),
  })
}

function withFragment(
  candidate: ProxyCandidate,
  fragment: Pick<GrantRecipient, "sealed" | "digest"> | undefined,
): readonly GrantRecipient[] {
  return fragment === undefined ? [] : [{ ...candidate, sealed: fragment.sealed, digest: fragment.digest }]
}

/** The recipients that gave a receipt, as many as there are shares if enough did; whoever fails is replaced by the next spare. */
async function distribute(context: NodeContext, job: GrantJob, options: CallOptions): Promise<readonly GrantRecipient[]> {
  const waiting = [...job.recipients]
  const kept: GrantRecipient[] = []
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const receipt = await deliver(context, job, next, options)
      if (!receipt.ok) continue
      kept.push(next)
      return
    }
  }
  await Promise.all(Array.from({ length: job.shares }, lane))
  return kept
}

async function deliver(context: NodeContext, job: GrantJob, recipient: GrantRecipient, { signal }: CallOptions): Promise<Result<Receipt>> {
  const { labelKey, delegationKey, expiresAt, policyId, reader } = job.policy
  const { cluster, path } = context.keystore.identity()
  const draft: PolicyDraft = { policyId, owner: { cluster, path }, labelKey, delegationKey, reader, expiresAt }
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(STORE_TIMEOUT_MS)])
  try {
    return await storeFragment(context, recipient, { draft, sealed: recipient.sealed, digest: recipient.digest }, { signal: deadline })
  } catch (error) {
    if (signal.aborted || !deadline.aborted) throw error
    return refuse("PEER_TIMEOUT", `the proxy did not answer within ${STORE_TIMEOUT_MS} ms`)
  }
}

async function publish(
  context: NodeContext,
  job: GrantJob,
  kept: readonly GrantRecipient[],
  options: CallOptions,
): Promise<Result<unknown>> {
  const proxies = kept.map(({ cluster, digest, path, signingKey }) => ({ cluster, path, signingKey, fragmentDigest: digest }))
  const body: PolicyGrant = { ...job.policy, proxies }
  return await context.replica.append(
    [{ kind: "policy-granted", body }],
    statementSigner(context.keystore) satisfies StatementSigner,
    options,
  )
}

/** What `retryGrants` goes by. When even this cannot be written, the next start of the node ends the job. */
async function leaveUnsettled({ storage }: NodeContext, job: GrantJob): Promise<void> {
  await saveGrantJob(storage, { ...job, unsettled: true }, { signal: new AbortController().signal })
}

/** Asks everyone who may keep a fragment to forget it, then forgets the job. Proxies that cannot be reached forget by themselves, because the policy never stands. */
async function rollBack(context: NodeContext, job: GrantJob): Promise<void> {
  const signal = AbortSignal.timeout(ROLL_BACK_TIMEOUT_MS)
  await Promise.allSettled(
    job.recipients.map(async (recipient) => await removeFragment(context, recipient, job.policy.policyId, { signal })),
  )
  await removeGrantJob(context.storage, job.policy.policyId, { signal: new AbortController().signal })
}

function notEnough(message: string, data: { readonly found: number; readonly needed: number }): Refusal<"NOT_ENOUGH_PROXIES"> {
  return refuse("NOT_ENOUGH_PROXIES", `${message}; start more proxies, or ask for fewer shares or an earlier expiry`, data)
}
