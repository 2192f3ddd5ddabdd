import type { Result, Secret } from "@keygrove/base"
import type { Point } from "@keygrove/crypto"
import { reencrypt, verifyCapsuleFragment, type CapsuleFragmentKeys } from "./capsule-fragments.ts"
import {
  decodeCapsule,
  decodeCapsuleFragment,
  decodeKeyFragment,
  encodeCapsule,
  encodeCapsuleFragment,
  encodeCapsuleSimple,
  encodeKeyFragment,
} from "./codec.ts"
import { encapsulate, openOriginal, openReencrypted, type Encapsulation, type ReencryptedOpening } from "./encapsulation.ts"
import type { UmbralErrorCode } from "./errors.ts"
import {
  beginFragments,
  generateFragments,
  verifyFragment,
  type FragmentGeneration,
  type FragmentKeys,
  type FragmentSeries,
} from "./key-fragments.ts"
import type { UmbralTools } from "./tools.ts"
import type { Capsule, CapsuleFragment, KeyFragment, VerifiedCapsuleFragment, VerifiedKeyFragment } from "./types.ts"

/**
 * Umbral, threshold proxy re-encryption, bit-compatible with umbral-pre 0.5 to 0.12 (docs/protocol/umbral.md). Secrets it returns
 * belong to the caller; those it is given are borrowed.
 */
export interface Umbral {
  /** A fresh key seed (33 bytes) for the owner of `delegatingKey`, and the capsule that holds it. */
  encapsulate(delegatingKey: Point): Encapsulation
  /** The key seed of an own capsule. */
  openOriginal(delegatingKey: Secret, capsule: Capsule): Result<Secret, UmbralErrorCode>
  /** Fragments for `shares` proxies of which any `threshold` together open for the reader. */
  generateFragments(order: FragmentGeneration): Result<readonly VerifiedKeyFragment[], UmbralErrorCode>
  /** The same, one at a time. */
  beginFragments(order: FragmentGeneration): Result<FragmentSeries, UmbralErrorCode>
  /** Checks a fragment that came from elsewhere. */
  verifyFragment(fragment: KeyFragment, keys: FragmentKeys): Result<VerifiedKeyFragment, UmbralErrorCode>
  /** A proxy's answer for one capsule. */
  reencrypt(capsule: Capsule, fragment: VerifiedKeyFragment): VerifiedCapsuleFragment
  /** Checks a proxy's answer. */
  verifyCapsuleFragment(
    capsule: Capsule,
    fragment: CapsuleFragment,
    keys: CapsuleFragmentKeys,
  ): Result<VerifiedCapsuleFragment, UmbralErrorCode>
  /** The key seed of a re-encrypted capsule, for the reader. */
  openReencrypted(opening: ReencryptedOpening): Result<Secret, UmbralErrorCode>

  /** 105 bytes. */
  encodeCapsule(capsule: Capsule): Uint8Array
  /** 98 bytes, write-only. */
  encodeCapsuleSimple(capsule: Capsule): Uint8Array
  decodeCapsule(bytes: Uint8Array): Result<Capsule, UmbralErrorCode>
  /** 310 bytes, secret. */
  encodeFragment(fragment: KeyFragment): Secret
  decodeFragment(bytes: Uint8Array): Result<KeyFragment, UmbralErrorCode>
  /** 381 bytes. */
  encodeCapsuleFragment(fragment: CapsuleFragment): Uint8Array
  decodeCapsuleFragment(bytes: Uint8Array): Result<CapsuleFragment, UmbralErrorCode>
}

/** The scheme on one platform's curve, hash and randomness. */
export function createUmbral(tools: UmbralTools): Umbral {
  const { curve } = tools
  return {
    encapsulate: (key) => encapsulate(tools, key),
    openOriginal: (key, capsule) => openOriginal(tools, key, capsule),
    generateFragments: (order) => generateFragments(tools, order),
    beginFragments: (order) => beginFragments(tools, order),
    verifyFragment: (fragment, keys) => verifyFragment(tools, fragment, keys),
    reencrypt: (capsule, fragment) => reencrypt(tools, capsule, fragment),
    verifyCapsuleFragment: (capsule, fragment, keys) => verifyCapsuleFragment(tools, capsule, fragment, keys),
    openReencrypted: (opening) => openReencrypted(tools, opening),
    encodeCapsule: (capsule) => encodeCapsule(curve, capsule),
    encodeCapsuleSimple: (capsule) => encodeCapsuleSimple(curve, capsule),
    decodeCapsule: (bytes) => decodeCapsule(tools, bytes),
    encodeFragment: (fragment) => encodeKeyFragment(curve, fragment),
    decodeFragment: (bytes) => decodeKeyFragment(curve, bytes),
    encodeCapsuleFragment: (fragment) => encodeCapsuleFragment(curve, fragment),
    decodeCapsuleFragment: (bytes) => decodeCapsuleFragment(curve, bytes),
  }
}
