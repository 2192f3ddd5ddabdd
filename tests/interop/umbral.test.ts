import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fromHex, toHex, unwrap } from "@keygrove/base"
import * as ours from "keygrove/umbral"
import { describe, expect, test } from "vitest"

const require = createRequire(import.meta.url)
/** The reference's own builds (GPL-3, tests only); `nucypher-core` carries a later version of the same library. */
const reference: Library = require("@nucypher/umbral-pre")
const later: Library & { initialize(): Promise<void> } = require("@nucypher/nucypher-core")
await later.initialize()

/** The names that both libraries share: one script drives either. */
type Library = typeof ours

const libraries = { ours, "umbral-pre": reference, "nucypher-core": later }
const pairs = (["umbral-pre", "nucypher-core"] as const).flatMap((other) => [["ours", other] as const, [other, "ours"] as const])
const flags = [true, false].flatMap((first) => [true, false].map((second) => [first, second] as const))
const message = new TextEncoder().encode("peace at dawn")

const bytesOf = (hex: string): Uint8Array => unwrap(fromHex(hex))
const text = new TextEncoder()
/** A key that both sides know. */
const secret = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

/** The reference's `verify` takes no key as null or undefined, and consumes what it verifies. */
function grant(library: Library, other: Library, [signDelegating, signReceiving]: readonly [boolean, boolean]): Uint8Array[] {
  const delegating = library.SecretKey.fromBEBytes(secret(1))
  const receiving = library.SecretKey.fromBEBytes(secret(2)).publicKey()
  const signer = new library.Signer(library.SecretKey.fromBEBytes(secret(3)))
  const made = library
    .generateKFrags(delegating, receiving, signer, 2, 3, signDelegating, signReceiving)
    .map((fragment) => fragment.toBytes())
  const verifying = other.SecretKey.fromBEBytes(secret(3)).publicKey()
  const keys = [other.SecretKey.fromBEBytes(secret(1)).publicKey(), other.SecretKey.fromBEBytes(secret(2)).publicKey()] as const
  return made.map((bytes) =>
    other.KeyFrag.fromBytes(bytes)
      .verify(verifying, signDelegating ? keys[0] : null, signReceiving ? keys[1] : null)
      .toBytes(),
  )
}

describe.each(pairs)("%s makes what %s reads", (maker, taker) => {
  const [a, b] = [libraries[maker], libraries[taker]]

  test("encryption for the owner", () => {
    const [capsule, ciphertext] = a.encrypt(a.SecretKey.fromBEBytes(secret(1)).publicKey(), message)
    expect(b.decryptOriginal(b.SecretKey.fromBEBytes(secret(1)), b.Capsule.fromBytes(capsule.toBytes()), ciphertext)).toEqual(message)
  })

  test.each(flags)("fragments, re-encryption and decryption (keys signed: %s, %s)", (...signed) => {
    const fragments = grant(a, b, signed)
    const [capsule, ciphertext] = a.encrypt(a.SecretKey.fromBEBytes(secret(1)).publicKey(), message)
    // The taker re-encrypts, the maker verifies and the maker's reader opens; then the other way round.
    for (const [proxy, reader] of [[b, a] as const, [a, b] as const]) {
      const answers = fragments.slice(0, 2).map((bytes) => {
        const fragment = proxy.KeyFrag.fromBytes(bytes).verify(...keysOf(proxy, signed))
        return proxy.reencrypt(proxy.Capsule.fromBytes(capsule.toBytes()), fragment).toBytes()
      })
      const own = reader.Capsule.fromBytes(capsule.toBytes())
      const [verifying, delegating, receiving] = keysOf(reader, [true, true])
      const verified = answers.map((bytes) =>
        reader.CapsuleFrag.fromBytes(bytes).verify(own, verifying, delegating as ours.PublicKey, receiving as ours.PublicKey),
      )
      const opened = reader.decryptReencrypted(
        reader.SecretKey.fromBEBytes(secret(2)),
        reader.SecretKey.fromBEBytes(secret(1)).publicKey(),
        own,
        verified,
        ciphertext,
      )
      expect(opened).toEqual(message)
    }
  })

  test("a changed capsule fragment is refused", () => {
    const [first = new Uint8Array(0)] = grant(a, b, [true, true])
    const [capsule] = a.encrypt(a.SecretKey.fromBEBytes(secret(1)).publicKey(), message)
    const bytes = a.reencrypt(capsule, a.KeyFrag.fromBytes(first).verify(...keysOf(a, [true, true]))).toBytes()
    // The last byte of z: still a scalar, but another one.
    const z = bytes.length - 64 - 2 - 1
    bytes[z] = (bytes[z] ?? 0) ^ 1
    const [verifying, delegating, receiving] = keysOf(b, [true, true])
    const own = b.Capsule.fromBytes(capsule.toBytes())
    expect(() => b.CapsuleFrag.fromBytes(bytes).verify(own, verifying, delegating as ours.PublicKey, receiving as ours.PublicKey)).toThrow()
  })
})

function keysOf(
  library: Library,
  [signDelegating, signReceiving]: readonly [boolean, boolean],
): [ours.PublicKey, ours.PublicKey | null, ours.PublicKey | null] {
  const key = (fill: number): ours.PublicKey => library.SecretKey.fromBEBytes(secret(fill)).publicKey()
  return [key(3), signDelegating ? key(1) : null, signReceiving ? key(2) : null]
}

test("the factory derives what the reference derives", () => {
  const {
    secret_key_factory: cases,
  }: { readonly secret_key_factory: readonly Readonly<Record<"seed" | "label" | "key" | "secret", string>>[] } = JSON.parse(
    readFileSync(new URL("../../vectors/umbral/positive.json", import.meta.url), "utf8"),
  )
  expect(cases.length).toBeGreaterThan(0)
  for (const { key, label, secret: expected, seed } of cases) {
    using factory = ours.SecretKeyFactory.fromSecureRandomness(bytesOf(seed))
    using made = factory.makeKey(text.encode(label))
    expect(toHex(made.toBEBytes())).toBe(key)
    expect(toHex(factory.makeSecret(text.encode(label)))).toBe(expected)
    const same = reference.SecretKeyFactory.fromSecureRandomness(bytesOf(seed))
    expect(toHex(same.makeKey(text.encode(label)).toBEBytes())).toBe(key)
  }
})

test("the reference's own signatures verify, and ours with it", () => {
  const signer = new ours.Signer(ours.SecretKey.fromBEBytes(secret(3)))
  const theirs = new reference.Signer(reference.SecretKey.fromBEBytes(secret(3)))
  expect(reference.Signature.fromBEBytes(signer.sign(message).toBEBytes()).verify(theirs.verifyingKey(), message)).toBe(true)
  expect(ours.Signature.fromBEBytes(theirs.sign(message).toBEBytes()).verify(signer.verifyingKey(), message)).toBe(true)
})
