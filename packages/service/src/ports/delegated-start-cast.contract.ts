import { unwrap } from "@keygrove/base"
import { decodeLabel, type LabelCard } from "@keygrove/reencryption"
import type { DelegatedStart, DelegatedUnlocking } from "./delegated-start.ts"
import { call, label, policyId } from "./keystore-cast.contract.ts"
import type { PieceKeystore } from "./piece-keys-cast.contract.ts"

/** Who grants a label, and two proxies of which both are needed. */
export interface Granting {
  readonly owner: PieceKeystore
  readonly proxies: readonly PieceKeystore[]
}

/** The label of a node, in its current epoch. */
export async function cardOf(owner: PieceKeystore): Promise<LabelCard> {
  const { cluster, keys, path } = owner.identity()
  const labelKey = unwrap(await owner.labelPublicKey({ label, epoch: keys.epoch }, call))
  return { owner: { cluster, path }, label: unwrap(decodeLabel(label)), epoch: keys.epoch, labelKey }
}

/** What the proxies of a grant give a reader. */
export async function granted({ owner, proxies }: Granting, start: DelegatedStart, readerKey: Uint8Array): Promise<DelegatedUnlocking> {
  const { capsule, epoch, labelKey } = start
  const { delegationKey, signingKey } = owner.identity().keys
  const recipients = proxies.map((proxy) => proxy.identity().keys)
  const order = { label, epoch, policyId, readerKey, threshold: proxies.length, recipients }
  const fragments = unwrap(await owner.generateFragments(order, call))
  const capsuleFragments = await Promise.all(
    proxies.map(async (proxy, at) => {
      const sealed = fragments[at]?.sealed ?? new Uint8Array(0)
      const acceptance = { policyId, sealed, ownerSigningKey: signingKey, delegationKey, labelKey, readerKey }
      const { stored } = unwrap(await proxy.acceptFragment(acceptance, call))
      return unwrap(await proxy.reencrypt({ policyId, stored, capsule }, call))
    }),
  )
  return { capsuleFragments, delegationKey }
}
