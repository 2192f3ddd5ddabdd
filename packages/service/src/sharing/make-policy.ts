import { ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import { isSameNode, type Timestamp } from "@keygrove/hierarchy"
import { findHolder, findPolicy, type PolicyState } from "@keygrove/ledger"
import type { PolicyDraft, Receipt } from "@keygrove/peering"
import { MAX_SHARES, type PolicyGrant } from "@keygrove/reencryption"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Placement, ProxyCandidate } from "../ports/placement.ts"
import { removeFragment, storeFragment } from "../proxy/proxy-client.ts"
import { removeGrantJob, saveGrantJob, type GrantJob, type GrantRecipient } from "./grant-job.ts"
import { addressOf } from "./revoke.ts"
import { statementSigner } from "./statement-signer.ts"
import { nameOfKey, type LabelEpoch } from "./label-records.ts"

/** One policy to be made. */
export interface PolicyPlan {
  readonly label: string
  /** The key of the label that it opens. */
  readonly key: LabelEpoch
  readonly reader: PolicyGrant["reader"]
  readonly threshold: number
  readonly shares: number
  readonly expiresAt: Timestamp
  /** The first policy of its grant, when it is not the first. */
  readonly continues?: Uint8Array
  /** Proxies that are asked first, as long as they offer. */
  readonly preferred?: readonly ProxyCandidate[]
}

/** How long one proxy may take to keep a fragment. */
const STORE_TIMEOUT_MS = 8_000
/** Fragments made beyond the shares, for proxies that turn out to be down; each goes to one node or to none. */
const SPARES = 5
/** How long the orderly end of a failed grant may take; proxies forget what never stood by themselves. */
const ROLL_BACK_TIMEOUT_MS = 5_000
/** Times that a policy is written anew because a proxy rekeyed after it had kept its fragment. */
const MAX_PUBLICATIONS = 3

/** Makes the fragments of a policy and remembers, durably, whom they are for. Nothing has been sent then. */
export async function openJob(
  context: NodeContext,
  placement: Placement,
  plan: PolicyPlan,
  options: CallOptions,
): Promise<Result<GrantJob>> {
  const { keystore, random } = context
  const { expiresAt, key, label, reader, shares, threshold } = plan
  const policyId = random(32)
  const candidates = await candidatesFor(placement, policyId, plan, options)
  if (candidates.length < shares) {
    return notEnough(`${candidates.length} of ${shares} proxies offer to keep a fragment until ${new Date(expiresAt).toISOString()}`, {
      found: candidates.length,
      needed: shares,
    })
  }
  const { cluster, keys } = keystore.identity()
  const { delegationKey } = keys
  const order = { ...nameOfKey(context, label, key), policyId, readerKey: reader.encryptionKey, threshold, recipients: candidates }
  const fragments = await keystore.generateFragments(order, options)
  if (!fragments.ok) return fragments
  const job: GrantJob = {
    policy: {
      policyId,
      ...(plan.continues === undefined ? {} : { continues: plan.continues }),
      scheme: "umbral",
      // The ledger knows the epochs of the owner as it is now only.
      epoch: key.cluster === cluster ? key.epoch : keys.epoch,
      labelKey: key.labelKey,
      delegationKey,
      reader: { encryptionKey: reader.encryptionKey, signingKey: reader.signingKey },
      threshold,
      expiresAt,
    },
    shares,
    unsettled: false,
    recipients: candidates.flatMap((candidate, index) => withFragment(candidate, fragments.value[index])),
  }
  const saved = await saveGrantJob(context.storage, job, options)
  return saved.ok ? ok(job) : saved
}

/** Brings the fragments to their proxies and, when enough keep one, the policy to the ledger. Resolves when it stands, or nothing of it is left, or it is left to `retryGrants`. */
export async function performJob(context: NodeContext, job: GrantJob, options: CallOptions): Promise<Result<PolicyState>> {
  const { policyId } = job.policy
  const kept = await distribute(context, job, options).catch(async (error: unknown) => {
    // The caller left in the middle: nobody will ever use these fragments.
    await rollBack(context, job)
    throw error
  })
  if (kept.length < job.shares) {
    await rollBack(context, job)
    return notEnough(`${kept.length} of ${job.shares} proxies keep a fragment`, { found: kept.length, needed: job.shares })
  }
  const appended = await publish(context, job, kept, options).catch(async (error: unknown) => {
    await leaveUnsettled(context, job)
    throw error
  })
  if (!appended.ok) {
    // An unreachable ledger may have written it all the same: that is for `retryGrants` to find out.
    if (appended.code === "LEDGER_UNREACHABLE") await leaveUnsettled(context, job)
    else await rollBack(context, job)
    return appended
  }
  await removeGrantJob(context.storage, policyId, options)
  const standing = findPolicy(context.replica.state, policyId)
  return standing === undefined
    ? refuse("LEDGER_CORRUPT", "the ledger accepted the policy but does not show it; restart the node")
    : ok(standing)
}

/** Asks everyone who may keep a fragment to forget it, then forgets the job. Proxies that cannot be reached forget by themselves, because the policy never stands. */
export async function rollBack(context: NodeContext, job: GrantJob): Promise<void> {
  const signal = AbortSignal.timeout(ROLL_BACK_TIMEOUT_MS)
  await Promise.allSettled(
    job.recipients.map(async (recipient) => await removeFragment(context, addressOf(context, recipient), job.policy.policyId, { signal })),
  )
  await removeGrantJob(context.storage, job.policy.policyId, { signal: new AbortController().signal })
}

/** The preferred ones first, then others, no node twice; as many as there are shares, and spares. */
async function candidatesFor(
  placement: Placement,
  policyId: Uint8Array,
  { expiresAt, preferred = [], shares }: PolicyPlan,
  options: CallOptions,
): Promise<readonly ProxyCandidate[]> {
  const found = await placement.candidates(policyId, expiresAt, options)
  const others = found.filter((candidate) => !preferred.some((each) => isSameNode(each, candidate)))
  return [...preferred, ...others].slice(0, Math.min(MAX_SHARES, shares + SPARES))
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
    const fragment = { draft, sealed: recipient.sealed, digest: recipient.digest }
    return await storeFragment(context, addressOf(context, recipient), fragment, { signal: deadline })
  } catch (error) {
    if (signal.aborted || !deadline.aborted) throw error
    return refuse("PEER_TIMEOUT", `the proxy did not answer within ${STORE_TIMEOUT_MS} ms`)
  }
}

/** Writes the policy with its proxies under their current keys. */
async function publish(
  context: NodeContext,
  job: GrantJob,
  kept: readonly GrantRecipient[],
  options: CallOptions,
): Promise<Result<unknown>> {
  for (let tries = 1; ; tries++) {
    const keys = kept.map((recipient) => currentKey(context, recipient))
    const proxies = kept.map(({ cluster, digest, path }, index) => ({
      cluster,
      path,
      signingKey: keys[index] ?? new Uint8Array(0),
      fragmentDigest: digest,
    }))
    const body: PolicyGrant = { ...job.policy, proxies }
    const appended = await context.replica.append([{ kind: "policy-granted", body }], statementSigner(context.keystore), options)
    if (appended.ok || appended.code !== "POLICY_PROXY_UNKNOWN" || tries === MAX_PUBLICATIONS) return appended
    const isNews = kept.some((recipient, index) => toHex(currentKey(context, recipient)) !== toHex(keys[index] ?? new Uint8Array(0)))
    if (!isNews) return appended
  }
}

function currentKey({ replica }: NodeContext, { signingKey }: GrantRecipient): Uint8Array {
  return findHolder(replica.state, signingKey)?.keys.signingKey ?? signingKey
}

/** What `retryGrants` goes by. When even this cannot be written, the next start of the node ends the job. */
async function leaveUnsettled({ storage }: NodeContext, job: GrantJob): Promise<void> {
  await saveGrantJob(storage, { ...job, unsettled: true }, { signal: new AbortController().signal })
}

function notEnough(message: string, data: { readonly found: number; readonly needed: number }): Refusal<"NOT_ENOUGH_PROXIES"> {
  return refuse("NOT_ENOUGH_PROXIES", `${message}; start more proxies, or ask for fewer shares or an earlier expiry`, data)
}
