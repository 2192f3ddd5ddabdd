import { ok, refuse, type Result } from "@keygrove/base"

/** What a key is; fixed for its whole life. */
export type KeyType = "ed25519" | "x25519" | "secp256k1" | "p256" | "bls12-381" | "aes256"

/** What a key can be asked to do with its secret part; `operate` is to run a registered operator on it. `verify` needs the public part only, but follows the key's versions. */
export type KeyOperation = "sign" | "verify" | "agree" | "encrypt" | "decrypt" | "mac" | "derive" | "operate"

/** Ways to sign. A key that has two keeps them apart by the algorithm's own domain separation. */
export type SignatureAlgorithm = "ed25519" | "ecdsa-sha256" | "bip340" | "bls-g2"

/** What a type can do and how long its parts are. */
export interface KeyTypeTraits {
  readonly operations: readonly KeyOperation[]
  /** The first is the default. */
  readonly signatures: readonly SignatureAlgorithm[]
  /** Bytes of the secret: seed, scalar or symmetric key. */
  readonly secretBytes: number
  /** Bytes of the public part; 0 for symmetric keys. */
  readonly publicBytes: number
}

const traits: Readonly<Record<KeyType, KeyTypeTraits>> = {
  ed25519: { operations: ["sign", "verify", "derive", "operate"], signatures: ["ed25519"], secretBytes: 32, publicBytes: 32 },
  x25519: { operations: ["agree", "encrypt", "decrypt", "derive", "operate"], signatures: [], secretBytes: 32, publicBytes: 32 },
  secp256k1: {
    operations: ["sign", "verify", "agree", "derive", "operate"],
    signatures: ["ecdsa-sha256", "bip340"],
    secretBytes: 32,
    publicBytes: 33,
  },
  p256: { operations: ["sign", "verify", "agree", "derive", "operate"], signatures: ["ecdsa-sha256"], secretBytes: 32, publicBytes: 33 },
  "bls12-381": { operations: ["sign", "verify", "derive", "operate"], signatures: ["bls-g2"], secretBytes: 32, publicBytes: 48 },
  aes256: { operations: ["encrypt", "decrypt", "mac", "derive", "operate"], signatures: [], secretBytes: 32, publicBytes: 0 },
}

/** Every type, in the order in which help lists them. */
export const KEY_TYPES: readonly KeyType[] = ["ed25519", "x25519", "secp256k1", "p256", "bls12-381", "aes256"]

/** Every operation. */
export const KEY_OPERATIONS: readonly KeyOperation[] = ["sign", "verify", "agree", "encrypt", "decrypt", "mac", "derive", "operate"]

/** What a type can do. */
export function keyTypeTraits(type: KeyType): KeyTypeTraits {
  return traits[type]
}

/** Checks the name of a type. */
export function decodeKeyType(value: unknown): Result<KeyType, "KEY_TYPE_UNKNOWN"> {
  const found = KEY_TYPES.find((type) => type === value)
  return found === undefined ? refuse("KEY_TYPE_UNKNOWN", `key types are ${KEY_TYPES.join(", ")}`) : ok(found)
}

/** The algorithm to sign with: the one asked for if the type has it, its default when none is. */
export function chooseSignature(
  type: KeyType,
  asked: SignatureAlgorithm | undefined,
): Result<SignatureAlgorithm, "KEY_OPERATION_UNSUPPORTED"> {
  const { signatures } = traits[type]
  const [first] = signatures
  if (first === undefined) return refuse("KEY_OPERATION_UNSUPPORTED", `keys of type ${type} do not sign`)
  if (asked === undefined || signatures.includes(asked)) return ok(asked ?? first)
  return refuse("KEY_OPERATION_UNSUPPORTED", `keys of type ${type} sign with ${signatures.join(" or ")}, not with ${asked}`)
}
