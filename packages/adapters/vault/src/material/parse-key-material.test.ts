import { generateKeyPairSync, randomBytes } from "node:crypto"
import { Secret } from "@keygrove/base"
import { KEY_TYPES } from "@keygrove/keys"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { bareForms, nodeForms, parsed } from "./key-forms.fixture.ts"
import { MAX_KEY_MATERIAL_BYTES, parseKeyMaterial } from "./parse-key-material.ts"

const FORMS = [...KEY_TYPES.flatMap((type) => bareForms(type, new Uint8Array(randomBytes(32)))), ...nodeForms()]

describe("key material", () => {
  test.each(FORMS)("$type as $form", ({ bytes, secret, type }) => {
    expect(parsed(type, bytes)).toEqual({ ok: true, value: secret })
  })

  test.each(nodeForms())("$type as $form is no key of another type", ({ bytes, type }) => {
    for (const other of KEY_TYPES.filter((each) => each !== type))
      expect(parsed(other, bytes)).toMatchObject({
        code: "KEY_MATERIAL_INVALID",
        message: expect.stringContaining(`holds a key of type ${type}`),
      })
  })

  test("bytes of secrets that look like text or DER are taken raw", () => {
    for (const first of [0x30, 0x7b, 0x2d, 0x20, 0x0a]) {
      const secret = new Uint8Array(randomBytes(32))
      secret[0] = first
      expect(parsed("aes256", secret)).toEqual({ ok: true, value: secret })
    }
  })

  test("32 digits of hex are half a key, not a raw one", () => {
    expect(parsed("aes256", Buffer.from("00112233445566778899aabbccddeeff"))).toMatchObject({
      code: "KEY_MATERIAL_INVALID",
      message: expect.stringContaining("are 16 bytes"),
    })
  })

  test.each([
    ["31 bytes", Buffer.alloc(31, 7)],
    ["33 bytes", Buffer.alloc(33, 7)],
    ["one byte", Buffer.of(1)],
    ["whitespace", Buffer.from(" \n\t ")],
    ["63 digits", Buffer.from("a".repeat(63))],
    ["66 digits", Buffer.from("a".repeat(66))],
    ["a foreign digit", Buffer.from(`${"a".repeat(63)}g`)],
    ["a space among the digits", Buffer.from(`${"a".repeat(32)} ${"a".repeat(32)}`)],
    ["base64 of 31 bytes", Buffer.from(Buffer.alloc(31, 0xff).toString("base64"))],
    ["base64 of two alphabets", Buffer.from(`+_${"A".repeat(40)}A`)],
    ["bits that belong to no byte", Buffer.from(`${"A".repeat(42)}B`)],
    ["words", Buffer.from("abandon ability able about above absent")],
    ["a public key of OpenSSH", Buffer.from("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl")],
  ])("refuses %s", (_what, bytes) => {
    for (const type of KEY_TYPES) expect(parsed(type, bytes)).toMatchObject({ code: "KEY_MATERIAL_INVALID" })
  })

  test("refuses more than 16 KiB before it looks", () => {
    using large = Secret.take(new Uint8Array(MAX_KEY_MATERIAL_BYTES + 1).fill(0x7b))
    expect(parseKeyMaterial("ed25519", large)).toMatchObject({ message: expect.stringContaining("at most 16384") })
  })

  test("RSA is refused by name in every form", () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
    const forms = [
      privateKey.export({ format: "pem", type: "pkcs8" }),
      privateKey.export({ format: "der", type: "pkcs8" }),
      privateKey.export({ format: "pem", type: "pkcs1" }),
      privateKey.export({ format: "der", type: "pkcs1" }),
      JSON.stringify(privateKey.export({ format: "jwk" })),
    ]
    for (const form of forms) expect(parsed("ed25519", Buffer.from(form))).toMatchObject({ message: expect.stringContaining("RSA") })
  })

  test("an encrypted key is refused with the way to decrypt it", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const lock = { cipher: "aes-256-cbc", passphrase: "correct horse" }
    const forms = [
      privateKey.export({ format: "pem", type: "pkcs8", ...lock }),
      privateKey.export({ format: "der", type: "pkcs8", ...lock }),
      privateKey.export({ format: "pem", type: "sec1", ...lock }),
    ]
    for (const form of forms)
      expect(parsed("p256", Buffer.from(form))).toMatchObject({ message: expect.stringMatching(/encrypted.*openssl pkey -in/) })
  })
})

describe("damaged key material", () => {
  const whole = nodeForms()

  test.each(whole)("no beginning of $type as $form is a key", ({ bytes, form, secret, type }) => {
    for (let length = 1; length < bytes.length; length++) {
      const cut = parsed(type, bytes.subarray(0, length))
      // What ends in white space, or in a line end, is whole without it; 32 bytes of anything are a raw key.
      if (cut.ok && length !== 32)
        expect(`${form} ${Buffer.from(cut.value).toString("hex")}`).toBe(`${form} ${Buffer.from(secret).toString("hex")}`)
      if (!cut.ok) expect(cut.code).toBe("KEY_MATERIAL_INVALID")
    }
  })

  test.each(whole)("a flipped bit of $type as $form gives no secret of another length and no exception", ({ bytes, type }) => {
    for (let index = 0; index < bytes.length; index++)
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Uint8Array.from(bytes)
        flipped[index] = (flipped[index] ?? 0) ^ (1 << bit)
        const result = parsed(type, flipped)
        if (result.ok) expect(result.value.length).toBe(32)
        else expect(result.code).toBe("KEY_MATERIAL_INVALID")
      }
  })

  test("any changes, and any bytes, are a key of 32 bytes or refused in words that quote nothing", () => {
    const change = fc.record({ at: fc.nat(), remove: fc.nat(4), insert: fc.uint8Array({ maxLength: 4 }) })
    const changed = fc.tuple(fc.constantFrom(...FORMS), fc.array(change, { minLength: 1, maxLength: 4 })).map(([form, changes]) => ({
      type: form.type,
      bytes: changes.reduce((bytes, { at, insert, remove }) => {
        const start = at % (bytes.length + 1)
        return Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(start + remove)])
      }, Buffer.from(form.bytes)),
    }))
    const any = fc.record({
      type: fc.constantFrom(...KEY_TYPES),
      bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    })
    fc.assert(
      fc.property(fc.oneof(changed, any), ({ bytes, type }) => {
        if (bytes.length === 0) return
        const result = parsed(type, bytes)
        if (result.ok) expect(result.value.length).toBe(32)
        else expect(quotes(result.message, bytes)).toBe(false)
      }),
      { numRuns: 5_000 },
    )
  })
})

/** Whether a message has 12 characters of the input in it that are no words of the forms themselves. */
function quotes(message: string, bytes: Buffer): boolean {
  const text = bytes.toString("latin1").replaceAll(/-----(?:BEGIN|END) (?:EC )?PRIVATE KEY-----/g, "\n")
  for (let at = 0; at + 12 <= text.length; at++) if (message.includes(text.slice(at, at + 12))) return true
  return false
}
