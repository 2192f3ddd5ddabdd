import { concatBytes, equalBytes, fromHex, ok, refuse, Secret, unwrap, type Result } from "@keygrove/base"
import type { Curve, Point } from "@keygrove/crypto"
import { hashCapsulePoints } from "./hashing.ts"
import type { UmbralErrorCode } from "./errors.ts"
import { FieldReader, ParseFailure } from "./reader.ts"
import type { UmbralTools } from "./tools.ts"
import type { Capsule, CapsuleFragment, CapsuleParts, KeyFragment } from "./types.ts"

/** Encoded lengths in bytes (spec §7). */
export const CAPSULE_BYTES = 105
export const KEY_FRAGMENT_BYTES = 310
export const CAPSULE_FRAGMENT_BYTES = 381
const ID_BYTES = 32
const SIGNATURE_BYTES = 64

/** The parameter U (spec §3): RFC 9380 hash_to_curve of `POINT_U` under `PARAMETERS`, 33 bytes. */
export const PARAMETER_U: Uint8Array = unwrap(fromHex("03079390d0fbe220fc34aab8ecbf49098098036820fadb98c03143e55db8ec73cd"))

/** A capsule in MessagePack form, 105 bytes. */
export function encodeCapsule(curve: Curve, capsule: CapsuleParts): Uint8Array {
  return concatBytes(ARRAY_3, bin(curve.encodePoint(capsule.e)), bin(curve.encodePoint(capsule.v)), bin(capsule.s))
}

/** A capsule in the write-only "simple" form, 98 bytes: the associated data of Umbral's own cipher. */
export function encodeCapsuleSimple(curve: Curve, capsule: CapsuleParts): Uint8Array {
  return concatBytes(curve.encodePoint(capsule.e), curve.encodePoint(capsule.v), capsule.s)
}

/** Parses and checks a capsule (s·G = V + h·E). */
export function decodeCapsule(tools: UmbralTools, bytes: Uint8Array): Result<Capsule, UmbralErrorCode> {
  const { curve, sha256 } = tools
  return parsing(() => {
    const reader = new FieldReader(curve, bytes)
    reader.array(3)
    const capsule = { e: reader.point("E of the capsule"), v: reader.point("V of the capsule"), s: reader.scalar("s of the capsule") }
    reader.end()
    const h = hashCapsulePoints(sha256, curve.encodePoint(capsule.e), curve.encodePoint(capsule.v))
    const expected = curve.add(capsule.v, curve.multiplyPublic(capsule.e, h))
    if (expected === undefined || !equalBytes(curve.basePointTimesPublic(capsule.s), expected)) {
      throw new ParseFailure("UMBRAL_CAPSULE_INVALID", "the capsule fails its check s·G = V + h·E")
    }
    return capsule as Capsule
  })
}

/** A key fragment in MessagePack form, 310 bytes; a secret, because rk is in it. */
export function encodeKeyFragment(curve: Curve, fragment: KeyFragment): Secret {
  const { proof } = fragment
  const before = concatBytes(ARRAY_5, ARRAY_1, bin(PARAMETER_U), bin(fragment.id), Uint8Array.of(0xc4, 0x20))
  const after = concatBytes(
    bin(curve.encodePoint(fragment.precursor)),
    ARRAY_5,
    bin(curve.encodePoint(proof.commitment)),
    bin(proof.signatureForProxy),
    bin(proof.signatureForReceiver),
    boolean(proof.delegatingKeySigned),
    boolean(proof.receivingKeySigned),
  )
  return fragment.key.expose((key) =>
    Secret.fill(KEY_FRAGMENT_BYTES, (target) => {
      target.set(before)
      target.set(key, before.length)
      target.set(after, before.length + key.length)
    }),
  )
}

/** Parses a key fragment; it still has to be verified. The result owns a copy of rk, `bytes` stays the caller's to wipe. */
export function decodeKeyFragment(curve: Curve, bytes: Uint8Array): Result<KeyFragment, UmbralErrorCode> {
  return parsing(() => {
    const reader = new FieldReader(curve, bytes)
    reader.array(5)
    reader.array(1)
    if (!equalBytes(curve.encodePoint(reader.point("U of the key fragment")), PARAMETER_U)) {
      throw new ParseFailure("UMBRAL_PARAMETERS_FOREIGN", "the key fragment was made for another parameter U")
    }
    const id = reader.bytes(ID_BYTES, "id of the key fragment").slice()
    const keyBytes = reader.bytes(ID_BYTES, "rk of the key fragment")
    const precursor = reader.point("X of the key fragment")
    reader.array(5)
    const proof = {
      commitment: reader.point("U1 of the key fragment"),
      signatureForProxy: reader.bytes(SIGNATURE_BYTES, "signature for the proxy").slice(),
      signatureForReceiver: reader.bytes(SIGNATURE_BYTES, "signature for the receiver").slice(),
      delegatingKeySigned: reader.boolean("flag of the delegating key"),
      receivingKeySigned: reader.boolean("flag of the receiving key"),
    }
    reader.end()
    return createKeyFragment(id, takeKey(curve, keyBytes), precursor, proof)
  })
}

/** Puts a fragment together; it owns `key` from now on. */
export function createKeyFragment(id: Uint8Array, key: Secret, precursor: Point, proof: KeyFragment["proof"]): KeyFragment {
  return { id, key, precursor, proof, [Symbol.dispose]: () => key[Symbol.dispose]() }
}

function takeKey(curve: Curve, bytes: Uint8Array): Secret {
  const key = Secret.fill(bytes.length, (target) => target.set(bytes))
  if (curve.isScalar(key)) return key
  key[Symbol.dispose]()
  if (bytes.every((byte) => byte === 0)) throw new ParseFailure("UMBRAL_FRAGMENT_KEY_ZERO", "rk of the key fragment is zero")
  throw new ParseFailure("UMBRAL_SCALAR_INVALID", "rk of the key fragment is not below the group order")
}

/** A capsule fragment in MessagePack form, 381 bytes. */
export function encodeCapsuleFragment(curve: Curve, fragment: CapsuleFragment): Uint8Array {
  const { proof } = fragment
  return concatBytes(
    ARRAY_5,
    bin(curve.encodePoint(fragment.e1)),
    bin(curve.encodePoint(fragment.v1)),
    bin(fragment.id),
    bin(curve.encodePoint(fragment.precursor)),
    ARRAY_6,
    ...[proof.e2, proof.v2, proof.commitment, proof.u2].map((point) => bin(curve.encodePoint(point))),
    bin(proof.z),
    bin(proof.signatureForReceiver),
  )
}

/** Parses a capsule fragment; it still has to be verified. */
export function decodeCapsuleFragment(curve: Curve, bytes: Uint8Array): Result<CapsuleFragment, UmbralErrorCode> {
  return parsing(() => {
    const reader = new FieldReader(curve, bytes)
    reader.array(5)
    const e1 = reader.point("E1 of the capsule fragment")
    const v1 = reader.point("V1 of the capsule fragment")
    const id = reader.bytes(ID_BYTES, "id of the capsule fragment").slice()
    const precursor = reader.point("X of the capsule fragment")
    reader.array(6)
    const proof = {
      e2: reader.point("E2 of the capsule fragment"),
      v2: reader.point("V2 of the capsule fragment"),
      commitment: reader.point("U1 of the capsule fragment"),
      u2: reader.point("U2 of the capsule fragment"),
      z: reader.scalar("z of the capsule fragment"),
      signatureForReceiver: reader.bytes(SIGNATURE_BYTES, "signature for the receiver").slice(),
    }
    reader.end()
    return { e1, v1, id, precursor, proof }
  })
}

const ARRAY_1 = Uint8Array.of(0x91)
const ARRAY_3 = Uint8Array.of(0x93)
const ARRAY_5 = Uint8Array.of(0x95)
const ARRAY_6 = Uint8Array.of(0x96)

function bin(bytes: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(0xc4, bytes.length), bytes)
}

function boolean(flag: boolean): Uint8Array {
  return Uint8Array.of(flag ? 0xc3 : 0xc2)
}

function parsing<T>(parse: () => T): Result<T, UmbralErrorCode> {
  try {
    return ok(parse())
  } catch (error) {
    if (error instanceof ParseFailure) return refuse(error.refusal.code, error.refusal.message)
    throw error
  }
}
