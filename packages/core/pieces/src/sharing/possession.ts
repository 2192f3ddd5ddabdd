import { equalBytes, Secret, type RandomBytes } from "@keygrove/base"
import { deriveScalar, encodeInfo, POINT_BYTES, SCALAR_BYTES, type Curve, type Primitives, type Scalar } from "@keygrove/crypto"
import type { PieceIndex } from "../numbers.ts"
import { piecePoint, type Commitments } from "./commitments.ts"

/** Length of a proof in bytes: V ‖ r. */
export const POSSESSION_PROOF_BYTES: number = POINT_BYTES + SCALAR_BYTES
/** Length of a challenge in bytes. */
export const POSSESSION_CHALLENGE_BYTES = 32
const NONCE_ENTROPY_BYTES = 32

/** What a proof is about. */
export interface PossessionSubject {
  /** Id of the sharing, see `sharingIdOf`. */
  readonly sharing: Uint8Array
  readonly commitments: Commitments
  readonly index: PieceIndex
  /** The verifier's own, fresh, 32 bytes: an older proof answers none. */
  readonly challenge: Uint8Array
}

export interface ProofTools extends Pick<Primitives, "hkdf" | "sha256"> {
  readonly curve: Curve
  readonly random: RandomBytes
}

/**
 * Proves that whoever calls has the piece of this index, and tells nothing else of it: Schnorr's proof of the discrete logarithm of the piece's public point
 * (RFC 8235 §3), 65 bytes V ‖ r with r = v − s·c. The piece is borrowed and taken to be right: a proof with a wrong one does not hold.
 *
 * v comes from the piece, everything that c covers, and fresh randomness, so that a random source that repeats itself does not give the piece away.
 */
export function provePossession(tools: ProofTools, subject: PossessionSubject, piece: Secret): Uint8Array {
  const { curve, random } = tools
  const point = curve.encodePoint(curve.basePointTimesSecret(piece))
  using nonce = deriveScalar(tools, piece, ["keygrove/v1/piece-proof-nonce", ...about(subject), random(NONCE_ENTROPY_BYTES)])
  const commitment = curve.encodePoint(curve.basePointTimesSecret(nonce))
  const challenge = challengeScalar(tools, subject, point, commitment)
  using response = challenge === undefined ? undefined : respond(curve, nonce, piece, challenge)
  // Either is a zero with probability 2⁻¹²⁸ or less.
  if (response === undefined) return provePossession(tools, subject, piece)
  const proof = new Uint8Array(POSSESSION_PROOF_BYTES)
  proof.set(commitment)
  response.expose((bytes) => proof.set(bytes, POINT_BYTES))
  return proof
}

/** Whether a proof holds: V = r·G + c·A for the public point A of the piece. False, never an exception, for whatever bytes a peer sends. */
export function verifyPossession(tools: Pick<Primitives, "curve" | "sha256">, subject: PossessionSubject, proof: Uint8Array): boolean {
  const { curve } = tools
  if (proof.length !== POSSESSION_PROOF_BYTES) return false
  const commitment = curve.decodePoint(proof.subarray(0, POINT_BYTES))
  const response = curve.decodeScalar(proof.subarray(POINT_BYTES))
  const point = piecePoint(curve, subject.commitments, subject.index)
  if (!commitment.ok || !response.ok || point === undefined) return false
  const challenge = challengeScalar(tools, subject, curve.encodePoint(point), curve.encodePoint(commitment.value))
  if (challenge === undefined) return false
  const sum = curve.add(curve.basePointTimesPublic(response.value), curve.multiplyPublic(point, challenge))
  return sum !== undefined && equalBytes(sum, commitment.value)
}

function about({ challenge, index, sharing }: PossessionSubject): readonly [Uint8Array, number, Uint8Array] {
  return [sharing, index, challenge]
}

/** c of RFC 8235 §3.1, where the generator is the curve's: SHA-256 of canonical CBOR, as a scalar; `undefined` for the 2⁻¹²⁸ of hashes that are none. */
function challengeScalar(
  { curve, sha256 }: Pick<Primitives, "curve" | "sha256">,
  subject: PossessionSubject,
  point: Uint8Array,
  commitment: Uint8Array,
): Scalar | undefined {
  const scalar = curve.decodeScalar(sha256(encodeInfo(["keygrove/v1/piece-proof", ...about(subject), point, commitment])))
  return scalar.ok ? scalar.value : undefined
}

/** v − s·c; `undefined` when it is zero. */
function respond(curve: Curve, nonce: Secret, piece: Secret, challenge: Scalar): Secret | undefined {
  using factor = Secret.take(Uint8Array.from(challenge))
  using minusOne = Secret.take(Uint8Array.from(MINUS_ONE))
  using negated = curve.multiplySecrets(factor, minusOne)
  using product = curve.multiplySecrets(piece, negated)
  return curve.addSecrets(nonce, product)
}

/** n − 1, which is −1 modulo the group order (SEC 2 §2.4.1). */
const MINUS_ONE: readonly number[] = [
  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0,
  0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x40,
]
