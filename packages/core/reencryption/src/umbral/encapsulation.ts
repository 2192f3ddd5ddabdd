import { ok, Secret, type Result } from "@keygrove/base"
import { randomScalar, type Point, type Scalar } from "@keygrove/crypto"
import type { UmbralErrorCode } from "./errors.ts"
import { hashCapsulePoints, hashPolynomialArgument, hashSharedSecret, type SharedPoints } from "./hashing.ts"
import { insufficient, lagrange } from "./interpolation.ts"
import type { UmbralTools } from "./tools.ts"
import type { Capsule, VerifiedCapsuleFragment } from "./types.ts"

/** A capsule and the key seed it holds: 33 bytes that belong to the caller. */
export interface Encapsulation {
  readonly capsule: Capsule
  readonly keySeed: Secret
}

/** Encapsulate of spec §5: E = r·G, V = u·G, s = u + r·h, seed = (r + u)·A. */
export function encapsulate(tools: UmbralTools, delegatingKey: Point): Encapsulation {
  const { curve, sha256 } = tools
  using r = randomScalar(tools)
  using u = randomScalar(tools)
  const e = curve.basePointTimesSecret(r)
  const v = curve.basePointTimesSecret(u)
  const h = hashCapsulePoints(sha256, curve.encodePoint(e), curve.encodePoint(v))
  using rh = curve.multiplySecrets(r, asSecret(h))
  using s = curve.addSecrets(u, rh)
  using both = curve.addSecrets(r, u)
  // Either sum is zero with probability 2⁻²⁵⁶.
  if (s === undefined || both === undefined) return encapsulate(tools, delegatingKey)
  const capsule = { e, v, s: s.expose((bytes) => Uint8Array.from(bytes) as Scalar) } as Capsule
  return { capsule, keySeed: takeSeed(tools, curve.multiplySecret(delegatingKey, both)) }
}

/** Open original of spec §5, by the owner: seed = a·(E + V), 33 bytes that belong to the caller. */
export function openOriginal(tools: UmbralTools, delegatingKey: Secret, capsule: Capsule): Result<Secret, UmbralErrorCode> {
  const sum = tools.curve.add(capsule.e, capsule.v)
  return sum === undefined
    ? insufficient("E + V of the capsule is infinity")
    : ok(takeSeed(tools, tools.curve.multiplySecret(sum, delegatingKey)))
}

export interface ReencryptedOpening {
  /** b, the reader's secret. */
  readonly receivingKey: Secret
  /** A. */
  readonly delegatingKey: Point
  readonly capsule: Capsule
  /** At least the threshold, of one grant, all distinct. */
  readonly fragments: readonly VerifiedCapsuleFragment[]
}

/** Open re-encrypted of spec §5, by the reader: seed = d·(E′ + V′), 33 bytes that belong to the caller. */
export function openReencrypted(tools: UmbralTools, opening: ReencryptedOpening): Result<Secret, UmbralErrorCode> {
  const { curve, sha256 } = tools
  const { capsule, delegatingKey, fragments, receivingKey } = opening
  const [first] = fragments
  if (first === undefined) return insufficient("no capsule fragments were given", "UMBRAL_FRAGMENTS_MISSING")
  const shared = sharedPoints(tools, first.precursor, receivingKey)
  using d = hashSharedSecret(sha256, shared)
  const coefficients = lagrange(fragments, (id) => hashPolynomialArgument(sha256, shared, id))
  shared.d.fill(0)
  if (!coefficients.ok) return coefficients
  const e = curve.combinePublic(
    fragments.map((each) => each.e1),
    coefficients.value,
  )
  const v = curve.combinePublic(
    fragments.map((each) => each.v1),
    coefficients.value,
  )
  if (e === undefined || v === undefined) return insufficient("the capsule fragments add up to infinity")
  const h = hashCapsulePoints(sha256, curve.encodePoint(capsule.e), curve.encodePoint(capsule.v))
  const right = curve.add(v, curve.multiplyPublic(e, h))
  const sum = curve.add(e, v)
  if (right === undefined || sum === undefined) return insufficient("the capsule fragments add up to infinity")
  // The spec's (s·d⁻¹)·A = V′ + h·E′, multiplied by d, which saves the inversion of a secret.
  if (!sameBytes(curve.multiplyPublic(delegatingKey, capsule.s), curve.multiplySecret(right, d))) {
    return insufficient(`${fragments.length} capsule fragments do not open this capsule: too few, or of another capsule`)
  }
  return ok(takeSeed(tools, curve.multiplySecret(sum, d)))
}

/** The points that owner and reader share, from the side of whoever knows `secret`: D = secret·`point`, X and B as encoded by the caller's role. */
function sharedPoints({ curve }: UmbralTools, precursor: Point, receivingKey: Secret): SharedPoints {
  const product = curve.multiplySecret(precursor, receivingKey)
  const d = curve.encodePoint(product)
  product.fill(0)
  return { x: curve.encodePoint(precursor), b: curve.encodePoint(curve.basePointTimesSecret(receivingKey)), d }
}

/** The key seed of a shared point: its 33 bytes, taken over; the point is wiped. */
function takeSeed({ curve }: UmbralTools, shared: Point): Secret {
  const seed = Secret.take(curve.encodePoint(shared))
  shared.fill(0)
  return seed
}

function asSecret(scalar: Scalar): Secret {
  return Secret.take(Uint8Array.from(scalar))
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
