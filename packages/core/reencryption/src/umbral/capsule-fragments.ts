import { equalBytes, ok, refuse, Secret, type Result } from "@keygrove/base"
import { randomScalar, type Point, type Scalar } from "@keygrove/crypto"
import type { UmbralErrorCode } from "./errors.ts"
import { fragmentDigest } from "./fragment-signature.ts"
import { hashReencryption } from "./hashing.ts"
import { parameterPoint } from "./parameter.ts"
import type { UmbralTools } from "./tools.ts"
import type { Capsule, CapsuleFragment, CapsuleFragmentProof, VerifiedCapsuleFragment, VerifiedKeyFragment } from "./types.ts"

/** Re-encrypt of spec §5: five multiplications, all in constant time. */
export function reencrypt(tools: UmbralTools, capsule: Capsule, fragment: VerifiedKeyFragment): VerifiedCapsuleFragment {
  const { curve } = tools
  using t = randomScalar(tools)
  const u = parameterPoint(curve)
  const e1 = curve.multiplySecret(capsule.e, fragment.key)
  const v1 = curve.multiplySecret(capsule.v, fragment.key)
  const points = {
    e2: curve.multiplySecret(capsule.e, t),
    v2: curve.multiplySecret(capsule.v, t),
    u2: curve.multiplySecret(u, t),
    commitment: fragment.proof.commitment,
  }
  using h = Secret.take(proofChallenge(tools, capsule, { e1, v1, ...points }))
  using product = curve.multiplySecrets(h, fragment.key)
  using sum = curve.addSecrets(t, product)
  // t + h·rk is zero with probability 2⁻²⁵⁶.
  if (sum === undefined) return reencrypt(tools, capsule, fragment)
  const z = sum.expose((bytes) => Uint8Array.from(bytes) as Scalar)
  const { id, precursor, proof } = fragment
  const made: CapsuleFragment = { e1, v1, id, precursor, proof: { ...points, z, signatureForReceiver: proof.signatureForReceiver } }
  return made as VerifiedCapsuleFragment
}

/** What a capsule fragment is checked against: S, A and B. */
export interface CapsuleFragmentKeys {
  readonly verifyingKey: Point
  readonly delegatingKey: Point
  readonly receivingKey: Point
}

/** Verify cfrag of spec §5: the owner's signature and the proof that one rk made E₁, V₁ and U₁. */
export function verifyCapsuleFragment(
  tools: UmbralTools,
  capsule: Capsule,
  fragment: CapsuleFragment,
  keys: CapsuleFragmentKeys,
): Result<VerifiedCapsuleFragment, UmbralErrorCode> {
  const { curve, sha256 } = tools
  const { e1, v1, proof } = fragment
  const signed = { id: fragment.id, commitment: curve.encodePoint(proof.commitment), precursor: curve.encodePoint(fragment.precursor) }
  const digest = fragmentDigest(sha256, signed, curve.encodePoint(keys.delegatingKey), curve.encodePoint(keys.receivingKey))
  if (!curve.verifyEcdsa(keys.verifyingKey, digest, proof.signatureForReceiver)) {
    return refuse("UMBRAL_SIGNATURE_WRONG", "the capsule fragment is not signed by the owner for these keys")
  }
  const h = proofChallenge(tools, capsule, { e1, v1, ...proof })
  const holds = (base: Point, once: Point, twice: Point): boolean => {
    const right = curve.add(twice, curve.multiplyPublic(once, h))
    return right !== undefined && equalBytes(curve.multiplyPublic(base, proof.z), right)
  }
  if (!holds(capsule.e, e1, proof.e2) || !holds(capsule.v, v1, proof.v2) || !holds(parameterPoint(curve), proof.commitment, proof.u2)) {
    return refuse("UMBRAL_PROOF_WRONG", "the proxy did not re-encrypt this capsule correctly")
  }
  return ok(fragment as VerifiedCapsuleFragment)
}

interface ProvenPoints extends Pick<CapsuleFragmentProof, "e2" | "v2" | "commitment" | "u2"> {
  readonly e1: Point
  readonly v1: Point
}

/** h of the proof: Hs(CFRAG_VERIFICATION, E, E1, E2, V, V1, V2, U, U1, U2). */
function proofChallenge({ curve, sha256 }: UmbralTools, capsule: Capsule, made: ProvenPoints): Scalar {
  const points = [capsule.e, made.e1, made.e2, capsule.v, made.v1, made.v2, parameterPoint(curve), made.commitment, made.u2]
  return hashReencryption(
    sha256,
    points.map((each) => curve.encodePoint(each)),
  )
}
