import { ok, refuse, toHex, type Result } from "@keygrove/base"
import { isSameNode } from "@keygrove/hierarchy"
import type { PolicyState } from "@keygrove/ledger"
import type { FileHeader } from "@keygrove/reencryption"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { collectFragments } from "./collect-fragments.ts"
import { settleOwnKeys } from "./own-keys.ts"
import { findReadPolicies } from "./read-policy.ts"
import { addressOf } from "./revoke.ts"
import { refreshReplica } from "../ledger/refresh-replica.ts"

export interface HeaderOpening {
  readonly header: FileHeader
  /** SHA-256 of magic to header, 32 bytes. */
  readonly headerDigest: Uint8Array
  /** X25519 key of whoever asked, 32 bytes. */
  readonly recipientKey: Uint8Array
}

/** The file key, sealed to whoever asked, and by what right it was had. */
export interface OpenedHeader {
  /** 80 bytes, see `Keystore.openOriginal`. */
  readonly sealedFileKey: Uint8Array
  readonly via: "owner" | "policy"
  /** Hex. */
  readonly policyId?: string
}

/** Policies of one label and reader that are tried for one opening. */
const MAX_POLICIES_TRIED = 16

/** Why an opening through one policy failed, when another policy or newer news could still help. */
const OTHERS_MAY_HELP: ReadonlySet<string> = new Set([
  "NO_POLICY",
  "POLICY_UNKNOWN",
  "POLICY_REVOKED",
  "POLICY_EXPIRED",
  "NOT_READER",
  // A policy may name a key beside this node's that is not this node's.
  "KEYSTORE_REQUEST_INVALID",
  "NOT_ENOUGH_PROXIES",
  "FRAGMENT_INVALID",
  "FRAGMENTS_INSUFFICIENT",
])

/** Opens a file's capsule: with the own label key when this node encrypted it, else through the proxies of a policy. */
export async function openHeader(context: NodeContext, opening: HeaderOpening, options: CallOptions): Promise<Result<OpenedHeader>> {
  const { header, headerDigest, recipientKey } = opening
  if (context.keystore.state() !== "unlocked")
    return refuse("KEYSTORE_LOCKED", "the node's secrets are locked; `keygrove unlock` opens them")
  const { cluster, path, predecessors } = context.keystore.identity()
  const owner = [{ cluster, path }, ...predecessors].find((each) => isSameNode(header.owner, each))
  if (owner !== undefined) {
    const { capsule, epoch, label } = header
    const name = owner.cluster === cluster ? { label, epoch } : { label, epoch, cluster: owner.cluster }
    const sealed = await context.keystore.openOriginal({ ...name, capsule, headerDigest, recipientKey }, options)
    return sealed.ok ? ok({ sealedFileKey: sealed.value, via: "owner" }) : sealed
  }
  const tried: Tried = new Map()
  const opened = await openThroughPolicies(context, opening, tried, options)
  if (opened.ok || !OTHERS_MAY_HELP.has(opened.code)) return opened
  // Another one may have been granted, or this one ended, a moment ago; or this node or a proxy has other keys now.
  await refreshReplica(context, options)
  await settleOwnKeys(context, options)
  return await openThroughPolicies(context, opening, tried, options)
}

/** What came of policies that were tried, by what an attempt depends on: {@link attemptOf}. */
type Tried = Map<string, Result<OpenedHeader>>

/** The policy, and the keys that the reader and the proxies have now: with others it is worth another attempt. */
function attemptOf(context: NodeContext, { grant }: PolicyState): string {
  const proxies = grant.proxies.map((proxy) => addressOf(context, proxy).signingKey)
  return [grant.policyId, context.keystore.identity().keys.signingKey, ...proxies].map(toHex).join()
}

/** Tries the policies that stand, newest first, each only when the proxies of those before cannot or will not help. What the newest one says is told when none does. */
async function openThroughPolicies(
  context: NodeContext,
  opening: HeaderOpening,
  tried: Tried,
  options: CallOptions,
): Promise<Result<OpenedHeader>> {
  const policies = findReadPolicies(context.replica.state, context.clock.now(), opening.header.labelKey, context.keystore.identity())
  if (!policies.ok) return policies
  const tryOnce = async (policy: PolicyState): Promise<Result<OpenedHeader>> => {
    const key = attemptOf(context, policy)
    const outcome = tried.get(key) ?? (await openThrough(context, policy, opening, options))
    tried.set(key, outcome)
    return outcome
  }
  const [newest, ...older] = policies.value
  const first = await tryOnce(newest)
  if (first.ok || !OTHERS_MAY_HELP.has(first.code)) return first
  for (const policy of older.slice(0, MAX_POLICIES_TRIED - 1)) {
    const next = await tryOnce(policy)
    if (next.ok || !OTHERS_MAY_HELP.has(next.code)) return next
  }
  return first
}

async function openThrough(
  context: NodeContext,
  policy: PolicyState,
  { header, headerDigest, recipientKey }: HeaderOpening,
  options: CallOptions,
): Promise<Result<OpenedHeader>> {
  const fragments = await collectFragments(context, policy, header.capsule, options)
  if (!fragments.ok) return fragments
  const { delegationKey, policyId, reader } = policy.grant
  const { capsule, labelKey } = header
  const keys = { labelKey, delegationKey, readerKey: reader.encryptionKey, recipientKey }
  const sealed = await context.keystore.openReencrypted({ capsule, capsuleFragments: fragments.value, ...keys, headerDigest }, options)
  return sealed.ok ? ok({ sealedFileKey: sealed.value, via: "policy", policyId: toHex(policyId) }) : sealed
}
