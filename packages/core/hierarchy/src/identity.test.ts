import { encodeCanonical, unwrap } from "@keygrove/base"
import { bech32, bech32m } from "@scure/base"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { decodeIdentity, encodeIdentity, type Identity } from "./identity.ts"
import { clusterBytes, decodeClusterBytes } from "./names.ts"

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Uint8Array.from(array))
const identities = fc.record<Identity>({
  encryptionKey: fc.tuple(fc.constantFrom(2, 3), bytes(32)).map(([prefix, rest]) => Uint8Array.of(prefix, ...rest)),
  signingKey: bytes(32),
  cluster: bytes(32).map((value) => unwrap(decodeClusterBytes(value))),
})
const refused = { ok: false, code: "IDENTITY_INVALID" }

test("encodes and decodes", () => {
  fc.assert(
    fc.property(identities, (identity) => {
      const text = encodeIdentity(identity)
      expect(text).toMatch(/^kg1[02-9ac-hj-np-z]{174}$/)
      expect(unwrap(decodeIdentity(text))).toEqual(identity)
    }),
  )
})

test("any changed character is noticed", () => {
  fc.assert(
    fc.property(identities, fc.nat(176), fc.constantFrom(..."qpzry9x8gf2tvdw0s3jn54khce6mua7lbB1 "), (identity, position, character) => {
      const text = encodeIdentity(identity)
      fc.pre(text[position] !== character)
      expect(decodeIdentity(text.slice(0, position) + character + text.slice(position + 1))).toMatchObject(refused)
    }),
  )
})

test("refuses other forms, versions, prefixes and checksums", () => {
  const [identity] = fc.sample(identities, { numRuns: 1, seed: 7 })
  if (identity === undefined) throw new TypeError("no sample")
  const text = encodeIdentity(identity)
  const payload = (version: number, key = identity.encryptionKey): Uint8Array =>
    encodeCanonical([version, key, identity.signingKey, clusterBytes(identity.cluster)])
  const encodeWith = (prefix: string, value: Uint8Array): string => bech32m.encode(prefix, bech32m.toWords(value), false)
  for (const wrong of [
    "",
    "kg1",
    text.toUpperCase(),
    `${text} `,
    text.slice(0, -1),
    encodeWith("kh", payload(1)),
    encodeWith("kg", payload(2)),
    encodeWith("kg", payload(1, Uint8Array.from(identity.encryptionKey).fill(4, 0, 1))),
    bech32.encode("kg", bech32.toWords(payload(1)), false),
    "kg1".padEnd(100_000, "q"),
  ]) {
    expect(decodeIdentity(wrong)).toMatchObject(refused)
  }
})
