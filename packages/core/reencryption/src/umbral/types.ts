import type { Brand, Secret } from "@keygrove/base"
import type { Point, Scalar } from "@keygrove/crypto"

/** What travels with data encrypted to a label: E, V and s of spec §5. Checked: s·G = V + h·E. */
export type Capsule = Brand<CapsuleParts, "Capsule">

export interface CapsuleParts {
  readonly e: Point
  readonly v: Point
  readonly s: Scalar
}

/** One proxy's key: rk and what proves it right. Owns `key`; disposal wipes it. */
export interface KeyFragment extends Disposable {
  /** Share id, 32 random bytes. */
  readonly id: Uint8Array
  /** rk, a scalar. */
  readonly key: Secret
  /** X, the same for all fragments of one grant. */
  readonly precursor: Point
  readonly proof: KeyFragmentProof
}

export interface KeyFragmentProof {
  /** U₁ = rk·U. */
  readonly commitment: Point
  /** ECDSA r ‖ s, 64 bytes, over the keys that the flags name: for the proxy. */
  readonly signatureForProxy: Uint8Array
  /** ECDSA r ‖ s, 64 bytes, over both keys: for the reader. */
  readonly signatureForReceiver: Uint8Array
  readonly delegatingKeySigned: boolean
  readonly receivingKeySigned: boolean
}

/** A fragment that was generated here or that {@link Umbral.verifyFragment} accepted. */
export type VerifiedKeyFragment = Brand<KeyFragment, "VerifiedKeyFragment">

/** A proxy's answer for one capsule: E₁, V₁ and a proof that the same rk made both. All of it is public. */
export interface CapsuleFragment {
  readonly e1: Point
  readonly v1: Point
  /** Share id, 32 bytes. */
  readonly id: Uint8Array
  readonly precursor: Point
  readonly proof: CapsuleFragmentProof
}

export interface CapsuleFragmentProof {
  readonly e2: Point
  readonly v2: Point
  /** U₁. */
  readonly commitment: Point
  readonly u2: Point
  readonly z: Scalar
  /** The key fragment's signature for the receiver, 64 bytes. */
  readonly signatureForReceiver: Uint8Array
}

/** A capsule fragment that {@link Umbral.verifyCapsuleFragment} accepted or that was made here. */
export type VerifiedCapsuleFragment = Brand<CapsuleFragment, "VerifiedCapsuleFragment">
