import { ok, refuse, toHex, type Result } from "@keygrove/base"
import { isSameNode } from "@keygrove/hierarchy"
import type { FileHeader } from "@keygrove/reencryption"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { collectFragments } from "./collect-fragments.ts"
import { findReadPolicy } from "./read-policy.ts"
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

/** Opens a file's capsule: with the own label key when this node encrypted it, else through the proxies of a policy. */
export async function openHeader(context: NodeContext, opening: HeaderOpening, options: CallOptions): Promise<Result<OpenedHeader>> {
  const { header, headerDigest, recipientKey } = opening
  if (context.keystore.state() !== "unlocked")
    return refuse("KEYSTORE_LOCKED", "the node's secrets are locked; restart it with `keygrove down` and `keygrove up`")
  const { cluster, keys, path } = context.keystore.identity()
  if (isSameNode(header.owner, { cluster, path })) {
    const { capsule, epoch, label } = header
    const sealed = await context.keystore.openOriginal({ label, epoch, capsule, headerDigest, recipientKey }, options)
    return sealed.ok ? ok({ sealedFileKey: sealed.value, via: "owner" }) : sealed
  }
  const find = (): ReturnType<typeof findReadPolicy> => findReadPolicy(context.replica.state, context.clock.now(), header.labelKey, keys)
  let policy = find()
  if (!policy.ok) {
    // It may have been granted a moment ago.
    await refreshReplica(context, options)
    policy = find()
  }
  if (!policy.ok) return policy
  const fragments = await collectFragments(context, policy.value, header.capsule, options)
  if (!fragments.ok) return fragments
  const { delegationKey, policyId } = policy.value.grant
  const sealed = await context.keystore.openReencrypted(
    { capsule: header.capsule, capsuleFragments: fragments.value, labelKey: header.labelKey, delegationKey, headerDigest, recipientKey },
    options,
  )
  return sealed.ok ? ok({ sealedFileKey: sealed.value, via: "policy", policyId: toHex(policyId) }) : sealed
}
