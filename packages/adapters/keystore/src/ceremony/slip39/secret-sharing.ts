import { createHmac } from "node:crypto"
import { equalConstantTime, Secret, type RandomBytes } from "@keygrove/base"
import { lagrangeWeights, multiply } from "./galois-field.ts"

/** A point of a polynomial over GF(256), byte by byte. */
export interface Point {
  readonly x: number
  readonly value: Secret
}

const DIGEST_BYTES = 4
/** Where the polynomial has the digest of the secret, and the secret itself. */
const DIGEST_X = 254
const SECRET_X = 255

/**
 * Points 0 … count − 1 of a random polynomial of which any `threshold` give the secret (at least 16 bytes), and fewer tell nothing about it (SLIP-39, "Shamir's secret sharing
 * scheme"). One of its points is a digest of the secret, so that wrong points are noticed. The values belong to the caller.
 */
export function splitSecret(
  secret: Secret,
  { count, threshold }: { readonly threshold: number; readonly count: number },
  random: RandomBytes,
): readonly Secret[] {
  if (threshold < 1 || threshold > count || count > 16) throw new RangeError(`no polynomial gives ${threshold} of ${count}`)
  if (threshold === 1) return Array.from({ length: count }, () => secret.copy())
  using stack = new DisposableStack()
  const given: Secret[] = Array.from({ length: threshold - 2 }, () => stack.use(Secret.take(random(secret.length))))
  const points: Point[] = [
    ...given.map((value, x) => ({ x, value })),
    { x: DIGEST_X, value: stack.use(digestPoint(secret, random)) },
    { x: SECRET_X, value: secret },
  ]
  using made = new DisposableStack()
  const rest = Array.from({ length: count - given.length }, (_, index) => made.use(interpolate(points, given.length + index)))
  const values = [...given.map((value) => made.use(value.copy())), ...rest]
  made.move()
  return values
}

/** The secret of exactly `threshold` points with different x; `undefined` when its digest says that they are wrong. Belongs to the caller. */
export function recoverSecret(points: readonly Point[], threshold: number): Secret | undefined {
  const [first] = points
  if (first === undefined || points.length !== threshold) throw new RangeError(`${threshold} points are needed, got ${points.length}`)
  if (threshold === 1) return first.value.copy()
  const secret = interpolate(points, SECRET_X)
  using digest = interpolate(points, DIGEST_X)
  if (isDigestOf(digest, secret)) return secret
  secret[Symbol.dispose]()
  return undefined
}

/** The value at `x` of the polynomial through the points. */
export function interpolate(points: readonly Point[], x: number): Secret {
  const weights = lagrangeWeights(
    points.map((point) => point.x),
    x,
  )
  return Secret.fill(points[0]?.value.length ?? 0, (sum) => {
    for (const [index, { value }] of points.entries())
      value.expose((bytes) => {
        for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] ?? 0) ^ multiply(bytes[at] ?? 0, weights[index] ?? 0)
      })
  })
}

/** First bytes of HMAC-SHA-256 of the secret under the random rest, and the rest. */
function digestPoint(secret: Secret, random: RandomBytes): Secret {
  return Secret.fill(secret.length, (bytes) => {
    const rest = random(secret.length - DIGEST_BYTES)
    bytes.set(rest, DIGEST_BYTES)
    rest.fill(0)
    bytes.set(digestUnder(bytes.subarray(DIGEST_BYTES), secret))
  })
}

function isDigestOf(digest: Secret, secret: Secret): boolean {
  return digest.expose((bytes) => equalConstantTime(bytes.subarray(0, DIGEST_BYTES), digestUnder(bytes.subarray(DIGEST_BYTES), secret)))
}

function digestUnder(key: Uint8Array, secret: Secret): Uint8Array {
  return secret.expose((message) => createHmac("sha256", key).update(message).digest().subarray(0, DIGEST_BYTES))
}
