import { Secret } from "@keygrove/base"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Aead, Primitives, SuiteName } from "./primitives.ts"
import { SUITE_NAMES } from "./suites.ts"
import { hex, wycheproof } from "./wycheproof.contract.ts"

const WYCHEPROOF: Readonly<Partial<Record<SuiteName, string>>> = {
  "aes-256-gcm": "aes_gcm",
  "aes-256-gcm-siv": "aes_gcm_siv",
  "xchacha20-poly1305": "xchacha20_poly1305",
}

/** Declares what every implementation of every suite must do. */
export function aeadContract(primitives: Primitives): void {
  describe.each(SUITE_NAMES)("%s", (suite) => {
    const aead = primitives.aead(suite)

    test("names itself", () => expect(aead.suite).toBe(suite))
    const file = WYCHEPROOF[suite]
    if (file !== undefined) test("holds Wycheproof's vectors", () => expect(runWycheproof(aead, file)).toBeGreaterThan(50))
    test("opens what it sealed, in place and allocating alike", () => roundTrips(aead))
    test("refuses any changed bit, and leaves zeros", () => refusesChanges(aead))
    test("refuses a ciphertext shorter than its tag", () => {
      using key = keyOf(1)
      expect(aead.open(key, new Uint8Array(aead.nonceBytes), new Uint8Array(15))).toMatchObject({ ok: false, code: "AEAD_FAILED" })
    })
    test("takes no key, nonce or target of another length", () => {
      using short = Secret.take(new Uint8Array(31).fill(1))
      using key = keyOf(1)
      const nonce = new Uint8Array(aead.nonceBytes)
      expect(() => aead.seal(short, nonce, new Uint8Array(1))).toThrow(RangeError)
      expect(() => aead.seal(key, nonce.subarray(1), new Uint8Array(1))).toThrow(RangeError)
      expect(() => aead.sealInto(key, nonce, new Uint8Array(1), new Uint8Array(16))).toThrow(RangeError)
      expect(() => aead.openInto(key, nonce, new Uint8Array(17), new Uint8Array(2))).toThrow(RangeError)
    })
    if (!aead.hasAssociatedData)
      test("takes no associated data", () => {
        using key = keyOf(1)
        expect(() => aead.seal(key, new Uint8Array(aead.nonceBytes), new Uint8Array(1), new Uint8Array(1))).toThrow(RangeError)
      })
  })

  test("xsalsa20-poly1305 gives NaCl's secretbox vector", () => {
    // NaCl 20110221, tests/secretbox.c and secretbox.out; NaCl has the tag first, we have it last.
    using key = Secret.take(hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389"))
    const nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
    const sealed = primitives.aead("xsalsa20-poly1305").seal(key, nonce, hex(SECRETBOX_PLAINTEXT))
    expect(sealed).toEqual(hex(SECRETBOX_CIPHERTEXT + SECRETBOX_TAG))
  })
}

function runWycheproof(aead: Aead, file: string): number {
  let count = 0
  for (const group of wycheproof(file)) {
    if (group.keySize !== 256 || group.ivSize !== aead.nonceBytes * 8 || group.tagSize !== 128) continue
    for (const { tcId, key, iv, aad, msg, ct, tag, result } of group.tests) {
      using secret = Secret.take(hex(key))
      const sealed = hex(`${ct}${tag}`)
      const opened = aead.open(secret, hex(iv), sealed, hex(aad))
      expect(opened.ok, `${file} ${tcId}`).toBe(result === "valid")
      if (opened.ok) {
        expect(opened.value).toEqual(hex(msg))
        expect(aead.seal(secret, hex(iv), hex(msg), hex(aad)), `${file} ${tcId}`).toEqual(sealed)
      }
      count++
    }
  }
  return count
}

function roundTrips(aead: Aead): void {
  const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
  fc.assert(
    fc.property(bytes(32), bytes(aead.nonceBytes), fc.uint8Array({ maxLength: 300 }), (keyBytes, nonce, plaintext) => {
      using key = Secret.take(keyBytes)
      const sealed = aead.seal(key, nonce, plaintext)
      const target = new Uint8Array(sealed.length)
      aead.sealInto(key, nonce, plaintext, target)
      expect(target).toEqual(sealed)
      const back = new Uint8Array(plaintext.length)
      expect(aead.openInto(key, nonce, sealed, back).ok).toBe(true)
      expect(back).toEqual(plaintext)
      expect(aead.open(key, nonce, sealed)).toEqual({ ok: true, value: plaintext })
    }),
    { numRuns: 60 },
  )
}

function refusesChanges(aead: Aead): void {
  using key = keyOf(7)
  const nonce = new Uint8Array(aead.nonceBytes).fill(3)
  const sealed = aead.seal(key, nonce, new Uint8Array(20).fill(0xaa))
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Uint8Array.from(sealed)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const target = new Uint8Array(20).fill(9)
    expect(aead.openInto(key, nonce, changed, target).ok).toBe(false)
    expect(target).toEqual(new Uint8Array(20))
  }
}

function keyOf(byte: number): Secret {
  return Secret.take(new Uint8Array(32).fill(byte))
}

const SECRETBOX_PLAINTEXT =
  "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31" +
  "0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864" +
  "5e0705"
const SECRETBOX_TAG = "f3ffc7703f9400e52a7dfb4b3d3305d9"
const SECRETBOX_CIPHERTEXT =
  "8e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738" +
  "b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74" +
  "e355a5"
