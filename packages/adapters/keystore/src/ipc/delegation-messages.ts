import { brandShape, bytesShape, type CborValue, type Shape } from "@keygrove/base"
import { clusterBytes, compressedPointShape, decodeClusterBytes, decodeEpoch, decodeNodePath } from "@keygrove/hierarchy"
import { CAPSULE_BYTES, CAPSULE_FRAGMENT_BYTES, decodeLabel, MAX_SHARES, type LabelCard } from "@keygrove/reencryption"
import type { DelegatedStart, DelegatedUnlocking } from "@keygrove/service"
import * as v from "valibot"

/** What the daemon may ask about a start by a label, by method. */
export interface DelegationRequests {
  readonly "start.delegate": LabelCard
  readonly "start.delegated": Readonly<Record<never, never>>
  readonly "start.end": Readonly<Record<never, never>>
}

/** What comes back. */
export interface DelegationAnswers {
  readonly "start.delegate": DelegatedStart
  readonly "start.delegated": { readonly found: DelegatedStart | null }
  readonly "start.end": true
}

const cardFields = {
  owner: v.strictObject({ cluster: brandShape(decodeClusterBytes), path: brandShape(decodeNodePath) }),
  label: brandShape(decodeLabel),
  epoch: brandShape(decodeEpoch),
  labelKey: compressedPointShape(),
}

/** Of a storage key that is sealed to a label: what everybody may know. */
export const delegatedStartShape: Shape<DelegatedStart> = v.strictObject({ ...cardFields, capsule: bytesShape(CAPSULE_BYTES) })

/** Of what opens a locked keystore by a policy. */
export const delegatedUnlockingShape: Shape<DelegatedUnlocking> = v.strictObject({
  capsuleFragments: v.pipe(v.array(bytesShape(CAPSULE_FRAGMENT_BYTES)), v.maxLength(MAX_SHARES)),
  delegationKey: compressedPointShape(),
})

/** Shapes of the requests. */
export const delegationRequestShapes: { readonly [M in keyof DelegationRequests]: Shape<DelegationRequests[M]> } = {
  "start.delegate": v.strictObject(cardFields),
  "start.delegated": v.strictObject({}),
  "start.end": v.strictObject({}),
}

/** Shapes of the answers. */
export const delegationAnswerShapes: { readonly [M in keyof DelegationAnswers]: Shape<DelegationAnswers[M]> } = {
  "start.delegate": delegatedStartShape,
  "start.delegated": v.strictObject({ found: v.nullable(delegatedStartShape) }),
  "start.end": v.literal(true),
}

type Fields = Readonly<Record<string, CborValue>>

/** A label's card as it travels. */
export function labelCardValue({ epoch, label, labelKey, owner }: LabelCard): Fields {
  return { owner: { cluster: clusterBytes(owner.cluster), path: owner.path }, label, epoch, labelKey }
}

/** What is sealed to a label as it travels. */
export function delegatedStartValue({ capsule, ...card }: DelegatedStart): Fields {
  return { ...labelCardValue(card), capsule }
}
