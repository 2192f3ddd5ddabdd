import { fromHex, ok, refuse, toHex, unwrap, type Result } from "@keygrove/base"
import { isSameNode } from "@keygrove/hierarchy"
import { findNode, findNodeByKey, findPolicy, type PolicyState } from "@keygrove/ledger"
import type { PolicyProxy } from "@keygrove/reencryption"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { PeerAddress } from "../ports/transport.ts"
import { removeFragment } from "../proxy/proxy-client.ts"
import { statementSigner } from "./statement-signer.ts"

/** What a revocation has reached. It stands as soon as it is on the ledger; the count says how many proxies have signed that they forgot. */
export interface Revocation {
  readonly policy: PolicyState
  /** Proxies that confirmed. */
  readonly confirmed: number
  /** Confirmations after which too few fragments are left to open anything: n − m + 1. */
  readonly needed: number
}

/** How long the first round of removals may take; what is missing is asked for again in the background. */
const REMOVAL_TIMEOUT_MS = 8_000
/** Pause between rounds of removals. */
const RETRY_MS = 30_000
const MAX_JOBS = 1_000

/** Revokes a policy of this node: statement first, then removals. Revoking twice is fine. Nothing blocks it: neither limits, nor a full disk, nor proxies that are down. */
export async function revokePolicy(context: NodeContext, policyId: Uint8Array, options: CallOptions): Promise<Result<Revocation>> {
  const known = findPolicy(context.replica.state, policyId)
  if (known === undefined) return refuse("POLICY_UNKNOWN", "the ledger has no such policy; see `keygrove policy list`")
  const { cluster, path } = context.keystore.identity()
  if (!isSameNode(known.owner, { cluster, path }))
    return refuse(
      "OWNER_ELSEWHERE",
      `the policy belongs to ${known.owner.path} of cluster ${known.owner.cluster.slice(0, 16)}…; revoke it there`,
    )
  // The job only brings the retries. A full disk that cannot keep it must not keep the policy alive: proxies that see the statement forget by themselves.
  await context.storage.write([{ kind: "put", collection: "revoke-job", key: toHex(policyId), value: null }], options)
  const appended = await revokeOnLedger(context, policyId, options)
  if (!appended.ok) return appended
  const confirmed = await removeFragments(context, appended.value, options)
  return ok({ policy: appended.value, confirmed, needed: neededOf(appended.value) })
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
    const policy = await revokeOnLedger(context, policyId, options)
    if (policy.ok) await removeFragments(context, policy.value, options)
  }
}

async function revokeOnLedger(context: NodeContext, policyId: Uint8Array, options: CallOptions): Promise<Result<PolicyState>> {
  const known = findPolicy(context.replica.state, policyId)
  if (known?.revokedAt === undefined) {
    const appended = await context.replica.append(
      [{ kind: "policy-revoked", body: { policyId } }],
      statementSigner(context.keystore),
      options,
    )
    if (!appended.ok && appended.code !== "POLICY_ALREADY_REVOKED") return appended
  }
  const policy = findPolicy(context.replica.state, policyId)
  return policy === undefined ? refuse("POLICY_UNKNOWN", "the ledger has no such policy") : ok(policy)
}

/** One round of removals: how many proxies have confirmed by its end. The job ends with the last one, or with the policy's expiry. */
async function removeFragments(context: NodeContext, policy: PolicyState, { signal }: CallOptions): Promise<number> {
  const { grant } = policy
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(REMOVAL_TIMEOUT_MS)])
  const settled = await Promise.allSettled(
    grant.proxies.map(async (proxy) => await removeFragment(context, addressOf(context, proxy), grant.policyId, { signal: deadline })),
  )
  const confirmed = settled.filter((each) => each.status === "fulfilled" && each.value.ok).length
  if (confirmed === grant.proxies.length || grant.expiresAt <= context.clock.now()) {
    await context.storage.write([{ kind: "remove", collection: "revoke-job", key: toHex(grant.policyId) }], { signal })
  }
  return confirmed
}

/** Where a proxy of a policy is found now: its node may have other keys and addresses than when the policy was granted. */
export function addressOf({ replica }: Pick<NodeContext, "replica">, proxy: PolicyProxy): PeerAddress {
  const node = findNodeByKey(replica.state, proxy.signingKey) ?? findNode(replica.state, proxy)
  return { signingKey: node?.keys?.signingKey ?? proxy.signingKey, addresses: node?.terms?.addresses ?? [] }
}

function neededOf({ grant }: PolicyState): number {
  return grant.proxies.length - grant.threshold + 1
}
