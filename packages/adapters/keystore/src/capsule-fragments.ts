import { refuse, type Result, type Secret } from "@keygrove/base"
import { createUmbral, type VerifiedCapsuleFragment } from "@keygrove/reencryption"
import type { KeystoreRefusal, ReencryptedOpening } from "@keygrove/service"
import type { KeystoreTools } from "./engine.ts"

/** Capsule fragments of one policy, the capsule that they are of, and the keys that they are checked against. */
export type CapsuleFragments = Pick<ReencryptedOpening, "capsule" | "capsuleFragments" | "delegationKey" | "labelKey">

/** Verifies capsule fragments for the reader whose secret this is, which is borrowed, and combines them; the key seed (33 bytes) belongs to the caller. The place of a bad one is `data.index`. */
export function combineCapsuleFragments(
  { primitives, random }: KeystoreTools,
  { capsule: capsuleBytes, capsuleFragments, delegationKey, labelKey }: CapsuleFragments,
  readerSecret: Secret,
): Result<Secret, KeystoreRefusal> {
  const { curve, sha256 } = primitives
  const umbral = createUmbral({ curve, sha256, random })
  const capsule = umbral.decodeCapsule(capsuleBytes)
  if (!capsule.ok) return refuse("CAPSULE_INVALID", capsule.message)
  const delegatingKey = curve.decodePoint(labelKey)
  const verifyingKey = curve.decodePoint(delegationKey)
  if (!delegatingKey.ok || !verifyingKey.ok) return refuse("KEYSTORE_REQUEST_INVALID", "the owner's keys are not points")
  const receivingKey = curve.basePointTimesSecret(readerSecret)
  const keys = { delegatingKey: delegatingKey.value, verifyingKey: verifyingKey.value, receivingKey }
  const fragments: VerifiedCapsuleFragment[] = []
  for (const [index, bytes] of capsuleFragments.entries()) {
    const decoded = umbral.decodeCapsuleFragment(bytes)
    const verified = decoded.ok ? umbral.verifyCapsuleFragment(capsule.value, decoded.value, keys) : decoded
    if (!verified.ok) return refuse("FRAGMENT_INVALID", `capsule fragment ${index}: ${verified.message}`, { index })
    fragments.push(verified.value)
  }
  const opening = { receivingKey: readerSecret, delegatingKey: delegatingKey.value, capsule: capsule.value, fragments }
  const seed = umbral.openReencrypted(opening)
  return seed.ok ? seed : refuse("FRAGMENTS_INSUFFICIENT", seed.message)
}
