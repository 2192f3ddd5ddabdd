import { createECDH, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, sign, verify } from "node:crypto"
import { readFileSync } from "node:fs"
import { fromHex, Secret, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { chooseSignature, KEY_TYPES, keyTypeTraits, type KeyType } from "@keygrove/keys"
import { systemRandom } from "@keygrove/system"
import { bls12_381 } from "@noble/curves/bls12-381.js"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { generateSecret } from "../key-secrets.ts"
import { createAlgorithms } from "./algorithms.ts"

const algorithms = createAlgorithms({ primitives: nativePrimitives, random: systemRandom })
const fresh = (type: KeyType): Secret => generateSecret(systemRandom, type, algorithms[type])
const hex = (text: string): Uint8Array => unwrap(fromHex(text))

describe.each(KEY_TYPES)("%s", (type) => {
  const algorithm = algorithms[type]
  const { publicBytes, secretBytes, signatures } = keyTypeTraits(type)

  test("has secrets and public keys of the lengths it says", () => {
    using secret = fresh(type)
    expect(secret.length).toBe(secretBytes)
    expect(algorithm.publicKey(secret)).toHaveLength(publicBytes)
    using short = Secret.take(new Uint8Array(31))
    expect(algorithm.isSecret(short)).toBe(false)
  })

  test.runIf(signatures.length > 0)("verifies what it signed, and nothing that differs in a bit", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...signatures), fc.nat(), (message, name, at) => {
        using secret = fresh(type)
        const publicKey = algorithm.publicKey(secret)
        const signature = algorithm.sign?.(secret, message, name) ?? new Uint8Array(0)
        const holds = (changed: object): boolean | undefined =>
          algorithm.verify?.(publicKey, { message, signature, algorithm: name, ...changed })
        expect(holds({})).toBe(true)
        expect(holds({ signature: flipped(signature, at) })).toBe(false)
        expect(holds({ message: Uint8Array.of(...message, 0) })).toBe(false)
        expect(holds({ signature: signature.subarray(1) })).toBe(false)
        for (const key of [new Uint8Array(0), new Uint8Array(publicBytes), new Uint8Array(publicBytes).fill(255)])
          expect(algorithm.verify?.(key, { message, signature, algorithm: name })).toBe(false)
      }),
      { numRuns: 15 },
    )
  })

  test.runIf(algorithm.agree !== undefined)("agrees with a peer on the same bytes, and with no nonsense", () => {
    using mine = fresh(type)
    using theirs = fresh(type)
    using one = unwrap(algorithm.agree?.(mine, algorithm.publicKey(theirs)) ?? never())
    using other = unwrap(algorithm.agree?.(theirs, algorithm.publicKey(mine)) ?? never())
    expect(one.equals(other)).toBe(true)
    for (const peer of [new Uint8Array(0), new Uint8Array(32), new Uint8Array(33), new Uint8Array(65).fill(4)])
      expect(algorithm.agree?.(mine, peer)).toMatchObject({ code: "KEY_PEER_INVALID" })
  })
})

test("p256 holds Wycheproof's vectors", () => {
  const url = new URL("../../../../../vectors/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json", import.meta.url)
  const { testGroups }: { readonly testGroups: readonly Group[] } = JSON.parse(readFileSync(url, "utf8"))
  let count = 0
  for (const { publicKey, tests } of testGroups) {
    const x = publicKey.wx.padStart(64, "0").slice(-64)
    const isOdd = Number.parseInt(publicKey.wy.at(-1) ?? "0", 16) % 2 === 1
    const key = hex((isOdd ? "03" : "02") + x)
    for (const { msg, result, sig, tcId } of tests) {
      const holds = algorithms.p256.verify?.(key, { message: hex(msg), signature: hex(sig), algorithm: "ecdsa-sha256" })
      expect(holds, `case ${tcId}`).toBe(result === "valid")
      count++
    }
  }
  expect(count).toBeGreaterThan(200)
})

interface Group {
  readonly publicKey: { readonly wx: string; readonly wy: string }
  readonly tests: readonly { readonly tcId: number; readonly msg: string; readonly sig: string; readonly result: string }[]
}

test("bls12-381 holds Wycheproof's vectors", () => {
  const url = new URL("../../../../../vectors/wycheproof/bls_sig_g2_pop_verify_test.json", import.meta.url)
  const { testGroups }: { readonly testGroups: readonly BlsGroup[] } = JSON.parse(readFileSync(url, "utf8"))
  let count = 0
  for (const { publicKey, tests } of testGroups) {
    for (const { msg, result, sig, tcId } of tests) {
      const signed = { message: hex(msg), signature: hex(sig), algorithm: "bls-g2" } as const
      expect(algorithms["bls12-381"].verify?.(hex(publicKey.pk), signed), `case ${tcId}`).toBe(result === "valid")
      count++
    }
  }
  expect(count).toBe(26)
})

interface BlsGroup {
  readonly publicKey: { readonly pk: string }
  readonly tests: readonly { readonly tcId: number; readonly msg: string; readonly sig: string; readonly result: string }[]
}

test("p256 knows what a scalar is", () => {
  const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
  const isSecret = (text: string): boolean => {
    using secret = Secret.take(hex(text))
    return algorithms.p256.isSecret(secret)
  }
  expect(isSecret(order)).toBe(false)
  expect(isSecret(`${order.slice(0, -1)}0`)).toBe(true)
  expect(isSecret(`${order.slice(0, -1)}2`)).toBe(false)
  expect(isSecret("00".repeat(32))).toBe(false)
  expect(isSecret("ff".repeat(32))).toBe(false)
  expect(isSecret(`${"00".repeat(31)}01`)).toBe(true)
})

test("p256 and x25519 agree with node:crypto, which imported the same secret", () => {
  using scalar = fresh("p256")
  const ecdh = createECDH("prime256v1")
  ecdh.setPrivateKey(scalar.expose((bytes) => Buffer.from(bytes)))
  expect(toHex(algorithms.p256.publicKey(scalar))).toBe(ecdh.getPublicKey("hex", "compressed"))
  const peer = generateKeyPairSync("x25519")
  const peerKey = new Uint8Array(peer.publicKey.export({ format: "der", type: "spki" }).subarray(-32))
  using secret = fresh("x25519")
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), secret.expose((bytes) => Buffer.from(bytes))])
  const mine = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" })
  using shared = unwrap(algorithms.x25519.agree?.(secret, peerKey) ?? never())
  expect(shared.expose(toHex)).toBe(diffieHellman({ privateKey: mine, publicKey: peer.publicKey }).toString("hex"))
})

test("OpenSSL verifies ed25519 and p256 signatures of ours, and we its", () => {
  const message = Buffer.from("interop")
  for (const [type, head, digest] of [
    ["ed25519", "302a300506032b6570032100", null],
    ["p256", "3039301306072a8648ce3d020106082a8648ce3d030107032200", "sha256"],
  ] as const) {
    using secret = fresh(type)
    const der = Buffer.concat([Buffer.from(head, "hex"), algorithms[type].publicKey(secret)])
    const key = createPublicKey({ key: der, format: "der", type: "spki" })
    const name = unwrap(chooseSignature(type, undefined))
    const signature = algorithms[type].sign?.(secret, message, name) ?? new Uint8Array(0)
    expect(verify(digest, message, { key, dsaEncoding: "ieee-p1363" }, signature)).toBe(true)
  }
  const pair = generateKeyPairSync("ec", { namedCurve: "prime256v1" })
  const point = pair.publicKey.export({ format: "der", type: "spki" }).subarray(-65)
  const compressed = Uint8Array.of(2 + ((point[64] ?? 0) & 1), ...point.subarray(1, 33))
  const signature = sign("sha256", message, { key: pair.privateKey, dsaEncoding: "ieee-p1363" })
  expect(algorithms.p256.verify?.(compressed, { message, signature, algorithm: "ecdsa-sha256" })).toBe(true)
})

test("bls signs as noble does", () => {
  const message = Uint8Array.of(1, 2, 3)
  using secret = fresh("bls12-381")
  const { longSignatures } = bls12_381
  const scalar = secret.expose((bytes) => Uint8Array.from(bytes))
  const DST = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
  const expected = longSignatures.sign(longSignatures.hash(message, DST), scalar).toBytes()
  expect(toHex(algorithms["bls12-381"].sign?.(secret, message, "bls-g2") ?? new Uint8Array(0))).toBe(toHex(expected))
  expect(toHex(algorithms["bls12-381"].publicKey(secret))).toBe(toHex(longSignatures.getPublicKey(scalar).toBytes()))
})

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[at % copy.length] = (copy[at % copy.length] ?? 0) ^ 1
  return copy
}

function never(): never {
  throw new TypeError("the algorithm lacks what it is asked for")
}
