import { equalBytes, ok, refuse, Secret, type Result } from "@keygrove/base"
import { ECDSA_SIGNATURE_BYTES, POINT_BYTES, SCALAR_BYTES, type Curve, type Point, type Scalar } from "@keygrove/crypto"
import { secp256k1 } from "@noble/curves/secp256k1.js"
import * as tiny from "tiny-secp256k1"

const scalars = secp256k1.Point.Fn

/**
 * secp256k1 for browsers and platforms without a prebuilt binding: public operations by libsecp256k1 in WASM. Its variable-point
 * multiplication is variable-time, so secret scalars are multiplied by noble, whose algorithm is constant-time but whose big integers leave
 * copies in the heap (docs/decisions/portable-secrets.md). Nodes use `curves-native`.
 */
export const wasmCurve: Curve = {
  implementation: "wasm",
  decodePoint,
  encodePoint: (base) => tiny.pointCompress(base, true),
  decodeScalar,
  isScalar: (secret) => secret.length === SCALAR_BYTES && secret.expose((bytes) => tiny.isPrivate(bytes)),
  basePointTimesSecret: (scalar) => scalar.expose((bytes) => present(tiny.pointFromScalar(bytes, false))),
  basePointTimesPublic: (scalar) => present(tiny.pointFromScalar(scalar, false)),
  multiplySecret,
  multiplyPublic: (base, scalar) => present(tiny.pointMultiply(base, scalar, false)),
  combinePublic,
  add: (a, b) => sum(a, b),
  negate,
  addSecrets: (a, b) => a.expose((left) => b.expose((right) => owned(tiny.privateAdd(left, right)))),
  multiplySecrets: (a, b) => fromField(scalars.mul(toField(a), toField(b))),
  invertSecret: (a) => fromField(scalars.inv(toField(a))),
  signEcdsa,
  verifyEcdsa,
}

/** The result of an operation that is only undefined for arguments outside their types. */
function present(bytes: Uint8Array | null): Point {
  if (bytes === null) throw new TypeError("scalar or point is out of range")
  return bytes as Point
}

function decodePoint(bytes: Uint8Array): Result<Point, "POINT_INVALID"> {
  if (bytes.length !== POINT_BYTES) return refuse("POINT_INVALID", `point has ${bytes.length} bytes; expected ${POINT_BYTES}, compressed`)
  if (!tiny.isPointCompressed(bytes)) return refuse("POINT_INVALID", "the bytes are not a point of secp256k1")
  return ok(present(tiny.pointCompress(bytes, false)))
}

function decodeScalar(bytes: Uint8Array): Result<Scalar, "SCALAR_INVALID"> {
  if (bytes.length !== SCALAR_BYTES) return refuse("SCALAR_INVALID", `scalar has ${bytes.length} bytes; expected ${SCALAR_BYTES}`)
  if (!tiny.isPrivate(bytes)) return refuse("SCALAR_INVALID", "scalar is zero or not below the group order")
  return ok(Uint8Array.from(bytes) as Scalar)
}

function multiplySecret(base: Point, scalar: Secret): Point {
  return secp256k1.Point.fromBytes(base).multiply(toField(scalar)).toBytes(false) as Point
}

function combinePublic(points: readonly Point[], factors: readonly Scalar[]): Point | undefined {
  if (points.length === 0 || points.length !== factors.length)
    throw new RangeError(`${points.length} points and ${factors.length} scalars; expected as many, at least one`)
  return points
    .map((base, index) => present(tiny.pointMultiply(base, factors[index] ?? new Uint8Array(0), false)))
    .reduce<Point | undefined>(sum, undefined)
}

/** a + b, where `undefined` is infinity on both sides. */
function sum(a: Point | undefined, b: Point | undefined): Point | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const added = tiny.pointAdd(a, b, false)
  return added === null ? undefined : (added as Point)
}

function negate(base: Point): Point {
  return secp256k1.Point.fromBytes(base).negate().toBytes(false) as Point
}

function toField(secret: Secret): bigint {
  return secret.expose((bytes) => scalars.fromBytes(bytes))
}

function fromField(value: bigint): Secret {
  return Secret.take(scalars.toBytes(value))
}

function owned(bytes: Uint8Array | null): Secret | undefined {
  return bytes === null ? undefined : Secret.take(bytes)
}

function signEcdsa(secretKey: Secret, digest: Uint8Array, extraEntropy?: Uint8Array): Uint8Array {
  return secretKey.expose((bytes) => tiny.sign(digest, bytes, extraEntropy))
}

function verifyEcdsa(publicKey: Point, digest: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== ECDSA_SIGNATURE_BYTES || equalBytes(signature.subarray(32), ZERO)) return false
  try {
    return tiny.verify(digest, publicKey, signature, true)
  } catch {
    // r or s is not below the group order.
    return false
  }
}

const ZERO = new Uint8Array(SCALAR_BYTES)
