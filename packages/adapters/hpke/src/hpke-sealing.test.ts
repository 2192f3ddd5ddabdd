import { createCipheriv, createDecipheriv } from "node:crypto"
import { concatBytes, fromHex, Secret, unwrap, utf8 } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { openMessage, sealMessage } from "@keygrove/service"
import { expand, extract } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { describe, expect, test } from "vitest"
import { systemRandom } from "@keygrove/system"
import { createSealing } from "./hpke-sealing.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

const hex = (text: string): Uint8Array => unwrap(fromHex(text))
const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff)

/** A plain transcription of RFC 9180 §4–5 (base mode, DHKEM X25519) as oracle: key and base nonce of the recipient. */
function keySchedule(
  keys: { readonly enc: Uint8Array; readonly secretKey: Uint8Array; readonly publicKey: Uint8Array },
  info: Uint8Array,
  aeadId: 1 | 2,
): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
  using secret = Secret.take(Uint8Array.from(keys.secretKey))
  using shared = unwrap(nativePrimitives.x25519.sharedSecret(secret, keys.enc))
  const dh = shared.expose((bytes) => Uint8Array.from(bytes))
  const kem = concatBytes(utf8("KEM"), u16(0x20))
  const suite = concatBytes(utf8("HPKE"), u16(0x20), u16(1), u16(aeadId))
  const labeledExtract = (id: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array =>
    extract(sha256, concatBytes(utf8("HPKE-v1"), id, utf8(label), ikm), salt)
  const labeledExpand = (id: Uint8Array, prk: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array =>
    expand(sha256, prk, concatBytes(u16(length), utf8("HPKE-v1"), id, utf8(label), context), length)
  const none = new Uint8Array(0)
  const kemSecret = labeledExpand(kem, labeledExtract(kem, none, "eae_prk", dh), "shared_secret", concatBytes(keys.enc, keys.publicKey), 32)
  const context = concatBytes(
    Uint8Array.of(0),
    labeledExtract(suite, none, "psk_id_hash", none),
    labeledExtract(suite, none, "info_hash", info),
  )
  const schedule = labeledExtract(suite, kemSecret, "secret", none)
  return {
    key: labeledExpand(suite, schedule, "key", context, aeadId === 1 ? 16 : 32),
    nonce: labeledExpand(suite, schedule, "base_nonce", context, 12),
  }
}

// RFC 9180 A.1.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode, sequence number 0.
const RFC = {
  enc: hex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"),
  secretKey: hex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"),
  publicKey: hex("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d"),
}
const RFC_INFO = hex("4f6465206f6e2061204772656369616e2055726e")

describe("hpkeSealing", () => {
  test("the oracle gives RFC 9180 A.1.1", () => {
    const { key, nonce } = keySchedule(RFC, RFC_INFO, 1)
    expect(key).toEqual(hex("4531685d41d65f03dc48f6b8302c05b0"))
    expect(nonce).toEqual(hex("56d890e5accaaf011cff4b7d"))
  })

  test("the oracle opens what it seals, and it opens what the oracle seals", async () => {
    const { key, nonce } = keySchedule(RFC, RFC_INFO, 2)
    const cipher = createCipheriv("aes-256-gcm", key, nonce)
    const sealed = concatBytes(RFC.enc, cipher.update("Beauty"), cipher.final(), cipher.getAuthTag())
    using secretKey = Secret.take(Uint8Array.from(RFC.secretKey))
    using opened = unwrap(await hpkeSealing.open(secretKey, sealed, { info: RFC_INFO }))
    expect(opened.expose((bytes) => Buffer.from(bytes).toString())).toBe("Beauty")

    const ours = unwrap(await hpkeSealing.seal(RFC.publicKey, utf8("truth"), { info: RFC_INFO }))
    const theirs = keySchedule({ ...RFC, enc: ours.subarray(0, 32) }, RFC_INFO, 2)
    const decipher = createDecipheriv("aes-256-gcm", theirs.key, theirs.nonce).setAuthTag(ours.subarray(-16))
    expect(decipher.update(ours.subarray(32, -16)).toString() + decipher.final().toString()).toBe("truth")
  })

  test("refuses another key, info, associated data, any changed byte, short input and bad recipients", async () => {
    const pair = await hpkeSealing.generateKeyPair()
    const other = await hpkeSealing.generateKeyPair()
    const context = { info: utf8("purpose"), associatedData: utf8("bound") }
    const sealed = unwrap(await hpkeSealing.seal(pair.publicKey, utf8("x"), context))
    const refused = { ok: false, code: "SEAL_OPEN_FAILED" }
    expect(await hpkeSealing.open(other.secretKey, sealed, context)).toMatchObject(refused)
    expect(await hpkeSealing.open(pair.secretKey, sealed, { ...context, info: utf8("other") })).toMatchObject(refused)
    expect(await hpkeSealing.open(pair.secretKey, sealed, { info: context.info })).toMatchObject(refused)
    for (let index = 0; index < sealed.length; index++) {
      const changed = sealed.map((byte, at) => (at === index ? byte ^ 1 : byte))
      expect(await hpkeSealing.open(pair.secretKey, changed, context)).toMatchObject(refused)
    }
    expect(await hpkeSealing.open(pair.secretKey, sealed.subarray(0, 47), context)).toMatchObject(refused)
    expect(await hpkeSealing.seal(new Uint8Array(31), utf8("x"), context)).toMatchObject({ ok: false, code: "SEAL_RECIPIENT_INVALID" })
    expect(await hpkeSealing.seal(new Uint8Array(32), utf8("x"), context)).toMatchObject({ ok: false, code: "SEAL_RECIPIENT_INVALID" })
  })
})

describe("sealed messages", () => {
  test("open for whom and what they are meant, and for nobody else", async () => {
    const { ed25519 } = nativePrimitives
    using seed = Secret.take(new Uint8Array(32).fill(1))
    using stranger = Secret.take(new Uint8Array(32).fill(2))
    const recipient = await hpkeSealing.generateKeyPair()
    const parties = { context: ["keygrove/v1/test", 7], sender: ed25519.publicKey(seed), recipient: recipient.publicKey } as const
    using body = Secret.take(new Uint8Array(310).fill(9))
    const tools = { sealing: hpkeSealing, sign: (message: Uint8Array): Uint8Array => ed25519.sign(seed, message) }
    const message = unwrap(await sealMessage(tools, parties, body))
    const opening = { sealing: hpkeSealing, ed25519, secretKey: recipient.secretKey }
    using opened = unwrap(await openMessage(opening, parties, message))
    expect(opened.equals(body)).toBe(true)

    const refused = { ok: false, code: "SEALED_MESSAGE_INVALID" }
    expect(await openMessage(opening, { ...parties, context: ["keygrove/v1/test", 8] }, message)).toMatchObject(refused)
    expect(await openMessage(opening, { ...parties, sender: ed25519.publicKey(stranger) }, message)).toMatchObject(refused)
    expect(await openMessage(opening, { ...parties, recipient: ed25519.publicKey(seed) }, message)).toMatchObject(refused)
    for (let index = 0; index < message.length; index += 7) {
      const changed = message.map((byte, at) => (at === index ? byte ^ 4 : byte))
      expect(await openMessage(opening, parties, changed)).toMatchObject(refused)
    }
    expect(await openMessage(opening, parties, new Uint8Array(65_537))).toMatchObject(refused)
    const forged = unwrap(await sealMessage({ ...tools, sign: (bytes) => ed25519.sign(stranger, bytes) }, parties, body))
    expect(await openMessage(opening, parties, forged)).toMatchObject(refused)
  })
})
