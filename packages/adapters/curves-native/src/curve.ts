import { equalBytes, ok, refuse, Secret, type Result } from "@keygrove/base"
import { ECDSA_SIGNATURE_BYTES, POINT_BYTES, SCALAR_BYTES, type Curve, type Point, type Scalar } from "@keygrove/crypto"
// The plain import falls back to a JavaScript implementation in silence when the binding does not load.
import secp256k1 from "secp256k1/bindings.js"

const UNCOMPRESSED_BYTES = 65

/** secp256k1 by libsecp256k1. Every operation on a secret runs in constant time inside the binding, on the secret's own locked bytes. */
export const nativeCurve: Curve = {
  implementation: "native",
  decodePoint,
  encodePoint,
  decodeScalar,
  isScalar: (secret) => secret.length === SCALAR_BYTES && secret.expose((bytes) => secp256k1.privateKeyVerify(bytes)),
  basePointTimesSecret: (scalar) => scalar.expose((bytes) => point(secp256k1.publicKeyCreate(bytes, false))),
  basePointTimesPublic: (scalar) => point(secp256k1.publicKeyCreate(scalar, false)),
  multiplySecret,
  multiplyPublic: (base, scalar) => point(secp256k1.publicKeyTweakMul(base, scalar, false)),
  combinePublic,
  add: (a, b) => sum([a, b]),
  negate: (base) => point(secp256k1.publicKeyNegate(base, false)),
  addSecrets,
  multiplySecrets: (a, b) => copyAnd(a, (result) => b.expose((tweak) => secp256k1.privateKeyTweakMul(result, tweak))),
  invertSecret,
  signEcdsa,
  verifyEcdsa,
}

function point(bytes: Uint8Array): Point {
  return bytes as Point
}

function decodePoint(bytes: Uint8Array): Result<Point, "POINT_INVALID"> {
  if (bytes.length !== POINT_BYTES) return refuse("POINT_INVALID", `point has ${bytes.length} bytes; expected ${POINT_BYTES}, compressed`)
  if ((bytes[0] !== 2 && bytes[0] !== 3) || !secp256k1.publicKeyVerify(bytes))
    return refuse("POINT_INVALID", "the bytes are not a point of secp256k1")
  return ok(point(secp256k1.publicKeyConvert(bytes, false)))
}

function encodePoint(base: Point): Uint8Array {
  const encoded = base.slice(0, POINT_BYTES)
  encoded[0] = 2 + ((base[UNCOMPRESSED_BYTES - 1] ?? 0) & 1)
  return encoded
}

function decodeScalar(bytes: Uint8Array): Result<Scalar, "SCALAR_INVALID"> {
  if (bytes.length !== SCALAR_BYTES) return refuse("SCALAR_INVALID", `scalar has ${bytes.length} bytes; expected ${SCALAR_BYTES}`)
  if (!secp256k1.privateKeyVerify(bytes)) return refuse("SCALAR_INVALID", "scalar is zero or not below the group order")
  return ok(Uint8Array.from(bytes) as Scalar)
}

/** The binding's ECDH with a "hash" that keeps both coordinates: its only constant-time multiplication of an arbitrary point. */
function multiplySecret(base: Point, scalar: Secret): Point {
  const product = new Uint8Array(UNCOMPRESSED_BYTES)
  product[0] = 4
  const options = { hashfn: keepCoordinates, data: product, xbuf: product.subarray(1, 33), ybuf: product.subarray(33) }
  return scalar.expose((bytes) => point(secp256k1.ecdh(base, bytes, options, product)))
}

/** The binding has written x and y into `product` already, see {@link multiplySecret}; it insists on the output being returned. */
function keepCoordinates(_x: Uint8Array, _y: Uint8Array, product: Uint8Array): Uint8Array {
  return product
}

function combinePublic(points: readonly Point[], scalars: readonly Scalar[]): Point | undefined {
  if (points.length === 0 || points.length !== scalars.length)
    throw new RangeError(`${points.length} points and ${scalars.length} scalars; expected as many, at least one`)
  return sum(points.map((base, index) => point(secp256k1.publicKeyTweakMul(base, scalars[index] ?? new Uint8Array(0), false))))
}

/** The binding throws both for infinity and for malformed points, and points are well-formed by their type; so infinity is told apart by parsing. */
function sum(points: Point[]): Point | undefined {
  if (points.length === 2 && points[0] !== undefined && points[1] !== undefined && opposite(points[0], points[1])) return undefined
  try {
    return point(secp256k1.publicKeyCombine(points, false))
  } catch (error) {
    if (points.length > 2 && points.every((each) => secp256k1.publicKeyVerify(each))) return undefined
    throw new TypeError("not points of secp256k1", { cause: error })
  }
}

/** Whether two points have the same x and another y, so that their sum is infinity. */
function opposite(a: Point, b: Point): boolean {
  return a[64] !== b[64] && equalBytes(a.subarray(1, 33), b.subarray(1, 33))
}

function copyAnd(secret: Secret, change: (bytes: Uint8Array) => void): Secret {
  return secret.expose((bytes) =>
    Secret.fill(SCALAR_BYTES, (target) => {
      target.set(bytes)
      change(target)
    }),
  )
}

function addSecrets(a: Secret, b: Secret): Secret | undefined {
  try {
    return copyAnd(a, (result) => b.expose((tweak) => secp256k1.privateKeyTweakAdd(result, tweak)))
  } catch (error) {
    // The binding throws both for a sum of zero and for what is no scalar.
    using negated = copyAnd(b, (bytes) => secp256k1.privateKeyNegate(bytes))
    if (a.equals(negated)) return undefined
    throw new TypeError("not scalars of secp256k1", { cause: error })
  }
}

/** n − 2, most significant nibble first: a⁻¹ = aⁿ⁻² (Fermat). */
const INVERSION_EXPONENT: readonly number[] = Array.from("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd036413f", (digit) =>
  Number.parseInt(digit, 16),
)

/** Exponentiation by the public exponent n − 2 in a fixed sequence of the binding's multiplications: 4-bit windows over a¹…a¹⁵. */
function invertSecret(a: Secret): Secret {
  using window = Secret.fill(16 * SCALAR_BYTES, (powers) => {
    a.expose((bytes) => powers.set(bytes, SCALAR_BYTES))
    for (let exponent = 2; exponent < 16; exponent++) {
      const power = powers.subarray(exponent * SCALAR_BYTES, (exponent + 1) * SCALAR_BYTES)
      power.set(powers.subarray((exponent - 1) * SCALAR_BYTES, exponent * SCALAR_BYTES))
      secp256k1.privateKeyTweakMul(power, powers.subarray(SCALAR_BYTES, 2 * SCALAR_BYTES))
    }
  })
  return window.expose((powers) => copyAnd(a, (result) => raise(result, powers)))
}

function raise(result: Uint8Array, powers: Uint8Array): void {
  const [first = 0, ...rest] = INVERSION_EXPONENT
  result.set(powers.subarray(first * SCALAR_BYTES, (first + 1) * SCALAR_BYTES))
  for (const digit of rest) {
    for (let square = 0; square < 4; square++) secp256k1.privateKeyTweakMul(result, result)
    if (digit !== 0) secp256k1.privateKeyTweakMul(result, powers.subarray(digit * SCALAR_BYTES, (digit + 1) * SCALAR_BYTES))
  }
}

function signEcdsa(secretKey: Secret, digest: Uint8Array, extraEntropy?: Uint8Array): Uint8Array {
  return secretKey.expose((bytes) => secp256k1.ecdsaSign(digest, bytes, extraEntropy === undefined ? {} : { data: extraEntropy }).signature)
}

function verifyEcdsa(publicKey: Point, digest: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== ECDSA_SIGNATURE_BYTES) return false
  try {
    return secp256k1.ecdsaVerify(signature, digest, publicKey)
  } catch {
    // r or s is not below the group order.
    return false
  }
}
