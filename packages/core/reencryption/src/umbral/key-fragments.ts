import { equalBytes, ok, refuse, Secret, type Result } from "@keygrove/base"
import { randomScalar, SecretPolynomial, type Point } from "@keygrove/crypto"
import { createKeyFragment } from "./codec.ts"
import type { UmbralErrorCode } from "./errors.ts"
import { hashPolynomialArgument, hashSharedSecret, type SharedPoints } from "./hashing.ts"
import { fragmentDigest, type SignedFragment } from "./fragment-signature.ts"
import { parameterPoint } from "./parameter.ts"
import type { UmbralTools } from "./tools.ts"
import type { KeyFragment, VerifiedKeyFragment } from "./types.ts"

/** Shares a policy may have; interpolation is quadratic in them. */
export const MAX_SHARES = 255
const ID_BYTES = 32
const ENTROPY_BYTES = 32

export interface FragmentGeneration {
  /** a. */
  readonly delegatingKey: Secret
  /** B. */
  readonly receivingKey: Point
  /** σ, signs the fragments. */
  readonly signingKey: Secret
  /** m: 1 to `shares`. */
  readonly threshold: number
  /** n: at most 255. */
  readonly shares: number
  /** Whether the proxy's signature covers A; default true. */
  readonly signDelegatingKey?: boolean
  /** Whether the proxy's signature covers B; default true. */
  readonly signReceivingKey?: boolean
}

/**
 * The fragments of one policy, made one at a time, so that whoever makes many can do other things in between. Borrows the order's keys and owns the polynomial
 * until it is disposed of.
 */
export interface FragmentSeries extends Disposable {
  /** The next of `shares` fragments, which belongs to the caller; `undefined` after the last. */
  next(): VerifiedKeyFragment | undefined
}

/** Generate kfrags of spec §5. The fragments belong to the caller. */
export function generateFragments(tools: UmbralTools, order: FragmentGeneration): Result<readonly VerifiedKeyFragment[], UmbralErrorCode> {
  const begun = beginFragments(tools, order)
  if (!begun.ok) return begun
  using series = begun.value
  return ok(Array.from({ length: order.shares }, () => series.next()).filter((fragment) => fragment !== undefined))
}

/** Begins to generate kfrags of spec §5. */
export function beginFragments(tools: UmbralTools, order: FragmentGeneration): Result<FragmentSeries, UmbralErrorCode> {
  const { threshold, shares } = order
  if (!Number.isSafeInteger(threshold) || threshold < 1)
    return refuse("UMBRAL_THRESHOLD_ZERO", `threshold is ${threshold}; it must be at least 1`)
  if (!Number.isSafeInteger(shares) || shares < threshold)
    return refuse("UMBRAL_SHARES_TOO_FEW", `${shares} shares are fewer than the threshold ${threshold}`)
  if (shares > MAX_SHARES) return refuse("UMBRAL_SHARES_TOO_MANY", `${shares} shares; at most ${MAX_SHARES} are possible`)
  const { curve, sha256 } = tools
  using x = randomScalar(tools)
  const precursor = curve.basePointTimesSecret(x)
  const product = curve.multiplySecret(order.receivingKey, x)
  const shared: SharedPoints = { x: curve.encodePoint(precursor), b: curve.encodePoint(order.receivingKey), d: curve.encodePoint(product) }
  product.fill(0)
  using d = hashSharedSecret(sha256, shared)
  using inverse = curve.invertSecret(d)
  const polynomial = new SecretPolynomial(curve, [
    curve.multiplySecrets(order.delegatingKey, inverse),
    ...Array.from({ length: threshold - 1 }, () => randomScalar(tools)),
  ])
  const keys = { precursor, a: curve.encodePoint(curve.basePointTimesSecret(order.delegatingKey)), b: shared.b }
  let made = 0
  return ok({
    next: () => (made++ < shares ? generateOne(tools, order, { polynomial, shared, keys }) : undefined),
    [Symbol.dispose]: () => {
      made = shares
      polynomial[Symbol.dispose]()
      shared.d.fill(0)
    },
  })
}

interface GrantSecrets {
  readonly polynomial: SecretPolynomial
  readonly shared: SharedPoints
  readonly keys: { readonly precursor: Point; readonly a: Uint8Array; readonly b: Uint8Array }
}

function generateOne(tools: UmbralTools, order: FragmentGeneration, grant: GrantSecrets): VerifiedKeyFragment {
  const { curve, random, sha256 } = tools
  const { signDelegatingKey = true, signReceivingKey = true } = order
  const id = random(ID_BYTES)
  using argument = Secret.take(hashPolynomialArgument(sha256, grant.shared, id))
  const key = grant.polynomial.evaluate(argument)
  // f is zero at a random place with probability 2⁻²⁵⁶.
  if (key === undefined) return generateOne(tools, order, grant)
  const commitment = curve.multiplySecret(parameterPoint(curve), key)
  const signed: SignedFragment = { id, commitment: curve.encodePoint(commitment), precursor: grant.shared.x }
  const sign = (a?: Uint8Array, b?: Uint8Array): Uint8Array =>
    curve.signEcdsa(order.signingKey, fragmentDigest(sha256, signed, a, b), random(ENTROPY_BYTES))
  const { a, b } = grant.keys
  const signatureForReceiver = sign(a, b)
  // Both signatures are over the same message when both keys are signed, so one serves twice.
  const both = signDelegatingKey && signReceivingKey
  const signatureForProxy = both ? signatureForReceiver : sign(signDelegatingKey ? a : undefined, signReceivingKey ? b : undefined)
  const proof = {
    commitment,
    signatureForProxy,
    signatureForReceiver,
    delegatingKeySigned: signDelegatingKey,
    receivingKeySigned: signReceivingKey,
  }
  return createKeyFragment(id, key, grant.keys.precursor, proof) as VerifiedKeyFragment
}

/** The keys that a fragment is checked against; a key the fragment's signature does not cover is ignored. */
export interface FragmentKeys {
  /** S. */
  readonly verifyingKey: Point
  /** A. */
  readonly delegatingKey?: Point
  /** B. */
  readonly receivingKey?: Point
}

/** Verify kfrag of spec §5. The result is the same fragment; it does not own another copy of rk. */
export function verifyFragment(
  tools: UmbralTools,
  fragment: KeyFragment,
  keys: FragmentKeys,
): Result<VerifiedKeyFragment, UmbralErrorCode> {
  const { curve, sha256 } = tools
  const { proof } = fragment
  if (!equalBytes(curve.multiplySecret(parameterPoint(curve), fragment.key), proof.commitment)) {
    return refuse("UMBRAL_COMMITMENT_WRONG", "the key fragment does not match its commitment")
  }
  if (proof.delegatingKeySigned && keys.delegatingKey === undefined)
    return refuse("UMBRAL_KEY_NOT_GIVEN", "the signature covers the delegating key, which was not given")
  if (proof.receivingKeySigned && keys.receivingKey === undefined)
    return refuse("UMBRAL_KEY_NOT_GIVEN", "the signature covers the receiving key, which was not given")
  const covered = (flag: boolean, key: Point | undefined): Uint8Array | undefined =>
    flag && key !== undefined ? curve.encodePoint(key) : undefined
  const signed = { id: fragment.id, commitment: curve.encodePoint(proof.commitment), precursor: curve.encodePoint(fragment.precursor) }
  const a = covered(proof.delegatingKeySigned, keys.delegatingKey)
  const b = covered(proof.receivingKeySigned, keys.receivingKey)
  if (!curve.verifyEcdsa(keys.verifyingKey, fragmentDigest(sha256, signed, a, b), proof.signatureForProxy)) {
    return refuse("UMBRAL_SIGNATURE_WRONG", "the key fragment is not signed by the owner for these keys")
  }
  return ok(fragment as VerifiedKeyFragment)
}
