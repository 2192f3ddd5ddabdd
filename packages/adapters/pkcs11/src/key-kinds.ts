import type { Attribute } from "pkcs11js"
import type { KeyType } from "@keygrove/keys"
import { CKA, CKM } from "./constants.ts"
import { compressPoint, unwrapPoint, type PointCurve } from "./ec-points.ts"

/** Key pairs of one type in a token. */
export interface PairKind {
  readonly kind: "pair"
  /** Ways to make one; the first that the token has. */
  readonly generators: readonly number[]
  /** What its operations need beside. */
  readonly operations: readonly number[]
  /** CKA_EC_PARAMS: the curve's object identifier, or its name for tokens that want it so. */
  readonly curves: readonly Buffer[]
  readonly uses: readonly Attribute[]
  readonly curve: PointCurve | undefined
  /** Our form of CKA_EC_POINT; `undefined` when it is no point of the curve. */
  publicKey(point: Uint8Array): Uint8Array | undefined
}

/** Symmetric keys of one type in a token. */
export interface SecretKind {
  readonly kind: "secret"
  readonly generators: readonly number[]
  readonly operations: readonly number[]
}

/** How a type of key is in a token; a type that is not here is in none. */
export type KeyKind = PairKind | SecretKind

const OID = {
  ed25519: Buffer.from("06032b6570", "hex"),
  x25519: Buffer.from("06032b656e", "hex"),
  p256: Buffer.from("06082a8648ce3d030107", "hex"),
  secp256k1: Buffer.from("06052b8104000a", "hex"),
}
/** Both are always said: a token has defaults of its own. */
const uses = (signs: boolean, derives: boolean): readonly Attribute[] => [
  { type: CKA.SIGN, value: signs },
  { type: CKA.DERIVE, value: derives },
]

const kinds: Readonly<Partial<Record<KeyType, KeyKind>>> = {
  ed25519: {
    kind: "pair",
    generators: [CKM.EC_EDWARDS_KEY_PAIR_GEN],
    operations: [CKM.EDDSA],
    curves: [OID.ed25519, printable("edwards25519")],
    uses: uses(true, false),
    curve: undefined,
    publicKey: (point) => unwrapPoint(point, [32]),
  },
  x25519: {
    kind: "pair",
    // SoftHSM makes both kinds of curves by the one mechanism.
    generators: [CKM.EC_MONTGOMERY_KEY_PAIR_GEN, CKM.EC_EDWARDS_KEY_PAIR_GEN],
    operations: [CKM.ECDH1_DERIVE],
    curves: [OID.x25519, printable("curve25519")],
    uses: uses(false, true),
    curve: undefined,
    publicKey: (point) => unwrapPoint(point, [32]),
  },
  p256: weierstrass("prime256v1", OID.p256),
  secp256k1: weierstrass("secp256k1", OID.secp256k1),
  aes256: { kind: "secret", generators: [CKM.AES_KEY_GEN], operations: [CKM.AES_GCM] },
}

/** How a type is in a token. */
export function keyKindOf(type: KeyType): KeyKind | undefined {
  return kinds[type]
}

/** The mechanisms that a type needs and a token lacks, by their names. */
export function missingMechanisms({ generators, operations }: KeyKind, has: ReadonlySet<number>): readonly string[] {
  const [first] = generators
  const generator = generators.some((each) => has.has(each)) || first === undefined ? [] : [first]
  return [...generator, ...operations.filter((each) => !has.has(each))].map(nameOf)
}

function weierstrass(curve: PointCurve, params: Buffer): PairKind {
  return {
    kind: "pair",
    generators: [CKM.EC_KEY_PAIR_GEN],
    operations: [CKM.ECDSA, CKM.ECDH1_DERIVE],
    curves: [params],
    uses: uses(true, true),
    curve,
    publicKey: (point) => {
      const bytes = unwrapPoint(point, [33, 65])
      return bytes === undefined ? undefined : compressPoint(bytes, curve)
    },
  }
}

/** DER PrintableString. */
function printable(text: string): Buffer {
  return Buffer.concat([Buffer.of(0x13, text.length), Buffer.from(text)])
}

function nameOf(mechanism: number): string {
  const [name] = Object.entries(CKM).find(([, value]) => value === mechanism) ?? []
  return `CKM_${name ?? mechanism}`
}
