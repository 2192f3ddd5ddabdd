import { readFileSync } from "node:fs"
import { equalBytes, fromHex, Secret, toHex, unwrap } from "@keygrove/base"
import type { Point } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { systemRandom } from "@keygrove/system"
import { portablePrimitives } from "@keygrove/curves-wasm"
import { describe, expect, test } from "vitest"
import { encodeCapsuleSimple } from "./codec.ts"
import { hashCapsulePoints, hashPolynomialArgument, hashSharedSecret } from "./hashing.ts"
import { createUmbral } from "./umbral.ts"

/** Provenance: vectors/README.md, `umbral/positive.json`. */
const vectors: Vectors = JSON.parse(readFileSync(new URL("../../../../../vectors/umbral/positive.json", import.meta.url), "utf8"))

interface Vectors {
  readonly point_u: string
  readonly cases: readonly VectorCase[]
}

interface VectorCase {
  readonly [name: string]: unknown
  readonly name: string
  readonly threshold: number
  readonly sign_delegating_key: boolean
  readonly sign_receiving_key: boolean
  readonly delegating_sk: string
  readonly delegating_pk: string
  readonly receiving_sk: string
  readonly receiving_pk: string
  readonly signing_sk: string
  readonly verifying_pk: string
  readonly plaintext: string
  readonly capsule_simple: string
  readonly capsule_msgpack: string
  readonly ciphertext: string
  readonly derived: Readonly<Record<"capsule_h" | "key_seed" | "dem_key" | "dh_point" | "d", string>>
  readonly kfrags: readonly Readonly<
    Record<
      "kfrag_msgpack" | "id" | "key" | "precursor" | "commitment" | "signature_for_proxy" | "signature_for_receiver" | "share_index",
      string
    >
  >[]
  readonly cfrags: readonly Readonly<Record<"cfrag_msgpack" | "cfrag_simple" | "h", string>>[]
}

const bytes = (hex: string): Uint8Array => unwrap(fromHex(hex)).slice()
const secret = (hex: string): Secret => Secret.take(bytes(hex))
const shown = (value: Secret): string => value.expose(toHex)

describe.each([nativePrimitives, portablePrimitives])("values of umbral-pre 0.10.0 on $implementation", (primitives) => {
  const { curve, sha256 } = primitives
  const umbral = createUmbral({ curve, sha256, random: systemRandom })
  const point = (hex: string): Point => unwrap(curve.decodePoint(bytes(hex)))

  test.each(vectors.cases)("$name: capsule, seed and cipher", (vector) => {
    const capsule = unwrap(umbral.decodeCapsule(bytes(vector.capsule_msgpack)))
    expect(toHex(umbral.encodeCapsule(capsule))).toBe(vector.capsule_msgpack)
    expect(toHex(encodeCapsuleSimple(curve, capsule))).toBe(vector.capsule_simple)
    expect(toHex(hashCapsulePoints(sha256, curve.encodePoint(capsule.e), curve.encodePoint(capsule.v)))).toBe(vector.derived.capsule_h)
    using owner = secret(vector.delegating_sk)
    expect(toHex(curve.encodePoint(curve.basePointTimesSecret(owner)))).toBe(vector.delegating_pk)
    using seed = unwrap(umbral.openOriginal(owner, capsule))
    expect(shown(seed)).toBe(vector.derived.key_seed)
    using demKey = primitives.hkdf(seed, new Uint8Array(0), 32)
    expect(shown(demKey)).toBe(vector.derived.dem_key)
    const ciphertext = bytes(vector.ciphertext)
    const plain = primitives
      .aead("xchacha20-poly1305")
      .open(demKey, ciphertext.subarray(0, 24), ciphertext.subarray(24), bytes(vector.capsule_simple))
    expect(toHex(unwrap(plain))).toBe(vector.plaintext)
  })

  test.each(vectors.cases)("$name: key fragments", (vector) => {
    const keys = {
      verifyingKey: point(vector.verifying_pk),
      delegatingKey: point(vector.delegating_pk),
      receivingKey: point(vector.receiving_pk),
    }
    const shared = {
      x: bytes(vector.kfrags[0]?.precursor ?? ""),
      b: bytes(vector.receiving_pk),
      d: bytes(vector.derived.dh_point),
    }
    using d = hashSharedSecret(sha256, shared)
    expect(shown(d)).toBe(vector.derived.d)
    for (const expected of vector.kfrags) {
      using fragment = unwrap(umbral.decodeFragment(bytes(expected.kfrag_msgpack)))
      expect(toHex(fragment.id)).toBe(expected.id)
      expect(shown(fragment.key)).toBe(expected.key)
      expect(toHex(curve.encodePoint(fragment.precursor))).toBe(expected.precursor)
      expect(toHex(curve.encodePoint(fragment.proof.commitment))).toBe(expected.commitment)
      expect(toHex(fragment.proof.signatureForProxy)).toBe(expected.signature_for_proxy)
      expect(toHex(fragment.proof.signatureForReceiver)).toBe(expected.signature_for_receiver)
      expect(fragment.proof.delegatingKeySigned).toBe(vector.sign_delegating_key)
      expect(fragment.proof.receivingKeySigned).toBe(vector.sign_receiving_key)
      expect(toHex(hashPolynomialArgument(sha256, shared, fragment.id))).toBe(expected.share_index)
      unwrap(umbral.verifyFragment(fragment, keys))
      using again = umbral.encodeFragment(fragment)
      expect(shown(again)).toBe(expected.kfrag_msgpack)
    }
  })

  test.each(vectors.cases)("$name: capsule fragments open the capsule", (vector) => {
    const keys = {
      verifyingKey: point(vector.verifying_pk),
      delegatingKey: point(vector.delegating_pk),
      receivingKey: point(vector.receiving_pk),
    }
    const capsule = unwrap(umbral.decodeCapsule(bytes(vector.capsule_msgpack)))
    const fragments = vector.cfrags.map((expected) => {
      const fragment = unwrap(umbral.decodeCapsuleFragment(bytes(expected.cfrag_msgpack)))
      expect(toHex(umbral.encodeCapsuleFragment(fragment))).toBe(expected.cfrag_msgpack)
      return unwrap(umbral.verifyCapsuleFragment(capsule, fragment, keys))
    })
    using receivingKey = secret(vector.receiving_sk)
    for (const chosen of [fragments, fragments.slice(-vector.threshold)]) {
      using seed = unwrap(umbral.openReencrypted({ receivingKey, delegatingKey: keys.delegatingKey, capsule, fragments: chosen }))
      expect(shown(seed)).toBe(vector.derived.key_seed)
    }
  })

  test.each(vectors.cases)("$name: what is re-encrypted here has the same E1 and V1", (vector) => {
    const capsule = unwrap(umbral.decodeCapsule(bytes(vector.capsule_msgpack)))
    const keys = {
      verifyingKey: point(vector.verifying_pk),
      delegatingKey: point(vector.delegating_pk),
      receivingKey: point(vector.receiving_pk),
    }
    using fragment = unwrap(umbral.decodeFragment(bytes(vector.kfrags[0]?.kfrag_msgpack ?? "")))
    const made = umbral.reencrypt(capsule, unwrap(umbral.verifyFragment(fragment, keys)))
    const expected = unwrap(umbral.decodeCapsuleFragment(bytes(vector.cfrags[0]?.cfrag_msgpack ?? "")))
    expect(equalBytes(made.e1, expected.e1) && equalBytes(made.v1, expected.v1)).toBe(true)
    unwrap(umbral.verifyCapsuleFragment(capsule, made, keys))
  })
})
