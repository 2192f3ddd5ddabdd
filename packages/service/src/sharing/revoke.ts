import { fromHex, ok, refuse, toHex, unwrap, type Result } from "@keygrove/base"
import type { NodeReference } from "@keygrove/hierarchy"
import { findHolder, findNode, findPolicy, movedNode, policiesOfGrant, standsFor, type PolicyState } from "@keygrove/ledger"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { PeerAddress } from "../ports/transport.ts"
import { removeFragment } from "../proxy/proxy-client.ts"
import { underOneKey } from "./own-keys.ts"
import { statementSigner } from "./statement-signer.ts"

/**
 * What a revocation has reached. It stands as soon as it is on the ledger; the counts say how many proxies have signed that they forgot. Of a grant with several policies they
 * are those of the policy that has most to go.
 */
export interface Revocation {
  /** The first policy of the grant. */
  readonly policy: PolicyState
  /** Proxies of one policy. */
  readonly shares: number
  /** Proxies that confirmed. */
  readonly confirmed: number
  /** Confirmations after which too few fragments are left to open anything: n − m + 1. */
  readonly needed: number
}

/** How long the first round of removals may take; what is missing is asked for again in the background. */
const REMOVAL_TIMEOUT_MS = 8_000
/** Policies of one grant whose proxies are asked at once. */
const LANES = 8
/** Pause between rounds of removals. */
const RETRY_MS = 30_000
const MAX_JOBS = 1_000

/**
 * Revokes a grant of this node, also one that it made below a root that was replaced since, with all its policies, by the id of any of them: statement first, then removals. Revoking twice is fine. Nothing blocks it: neither limits, nor a
 * full disk, nor proxies that are down.
 */
export async function revokePolicy(context: NodeContext, policyId: Uint8Array, options: CallOptions): Promise<Result<Revocation>> {
  const known = findPolicy(context.replica.state, policyId)
  if (known === undefined) return refuse("POLICY_UNKNOWN", "the ledger has no such policy; see `keygrove policy list`")
  if (!standsFor(context.replica.state, context.keystore.identity(), known.owner))
    return refuse(
      "OWNER_ELSEWHERE",
      `the policy belongs to ${known.owner.path} of cluster ${known.owner.cluster.slice(0, 16)}…; revoke it there`,
    )
  // The job only brings the retries. A full disk that cannot keep it must not keep the policy alive: proxies that see the statement forget by themselves.
  const job = known.grant.continues ?? policyId
  await context.storage.write([{ kind: "put", collection: "revoke-job", key: toHex(job), value: null }], options)
  const appended = await revokeOnLedger(context, job, options)
  return appended.ok ? ok(await removeFragments(context, job, appended.value, options)) : appended
}

/**
 * Works off revocations until the signal fires: those a crash left before their statement was written are written now (someone wanted them), and removals are
 * asked for until every proxy has confirmed or its policy has expired.
 */
export async function retryRevocations(context: NodeContext, { signal }: CallOptions): Promise<void> {
  while (!signal.aborted) {
    await workOff(context, { signal })
    await context.clock.sleep(RETRY_MS, { signal })
  }
}

async function workOff(context: NodeContext, options: CallOptions): Promise<void> {
  const jobs = await context.storage.list("revoke-job", { limit: MAX_JOBS }, options)
  if (!jobs.ok) return
  for (const { key } of jobs.value) {
    const policyId = unwrap(fromHex(key))
    const grant = await revokeOnLedger(context, policyId, options)
    if (grant.ok) await removeFragments(context, policyId, grant.value, options)
  }
}

type RevokedGrant = ReturnType<typeof policiesOfGrant>

/** All policies of the grant, which are over then. */
async function revokeOnLedger(context: NodeContext, policyId: Uint8Array, options: CallOptions): Promise<Result<RevokedGrant>> {
  const known = findPolicy(context.replica.state, policyId)
  if (known?.revokedAt === undefined) {
    const append = async (): Promise<Result<unknown>> =>
      await context.replica.append([{ kind: "policy-revoked", body: { policyId } }], statementSigner(context.keystore), options)
    const appended = await underOneKey(context, append, options)
    if (!appended.ok && appended.code !== "POLICY_ALREADY_REVOKED") return appended
  }
  const policy = findPolicy(context.replica.state, policyId)
  return policy === undefined
    ? refuse("POLICY_UNKNOWN", "the ledger has no such policy")
    : ok(policiesOfGrant(context.replica.state, policy))
}

/** One round of removals: how many proxies have confirmed by its end. The job ends when all have, or their policies have expired. */
async function removeFragments(context: NodeContext, job: Uint8Array, grant: RevokedGrant, { signal }: CallOptions): Promise<Revocation> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(REMOVAL_TIMEOUT_MS)])
  const waiting = grant.toReversed()
  const outcomes: Revocation[] = []
  const lane = async (): Promise<void> => {
    for (let policy = waiting.shift(); policy !== undefined; policy = waiting.shift())
      outcomes.push(await removeFragmentsOf(context, policy, { signal: deadline }))
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  const isOver = ({ confirmed, policy, shares }: Revocation): boolean =>
    confirmed === shares || policy.grant.expiresAt <= context.clock.now()
  if (outcomes.every(isOver)) await context.storage.write([{ kind: "remove", collection: "revoke-job", key: toHex(job) }], { signal })
  const [first] = grant
  const worst = outcomes.reduce((a, b) => (b.confirmed - b.needed < a.confirmed - a.needed ? b : a))
  return { ...worst, policy: first }
}

async function removeFragmentsOf(context: NodeContext, policy: PolicyState, options: CallOptions): Promise<Revocation> {
  const { policyId, proxies, threshold } = policy.grant
  const settled = await Promise.allSettled(
    proxies.map(async (proxy) => await removeFragment(context, addressOf(context, proxy), policyId, options)),
  )
  const confirmed = settled.filter((each) => each.status === "fulfilled" && each.value.ok).length
  return { policy, shares: proxies.length, confirmed, needed: proxies.length - threshold + 1 }
}

/** A node by the signing key that it had, and where it was found then, if that is known. */
interface KnownNode extends NodeReference {
  readonly signingKey: Uint8Array
  readonly addresses?: readonly string[]
}

/** Where a proxy is found now: its node may have other keys and addresses than when it was chosen, or have moved below another root. */
export function addressOf({ replica }: Pick<NodeContext, "replica">, proxy: KnownNode): PeerAddress {
  const known = findHolder(replica.state, proxy.signingKey) ?? findNode(replica.state, proxy)
  const node = known === undefined ? undefined : movedNode(replica.state, known)
  return {
    signingKey: node?.keys?.signingKey ?? proxy.signingKey,
    addresses: node?.terms?.addresses ?? known?.terms?.addresses ?? proxy.addresses ?? [],
  }
}
