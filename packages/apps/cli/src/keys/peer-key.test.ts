import { generateKeyPairSync } from "node:crypto"
import { describe, expect, test } from "vitest"
import { CommandError } from "../errors.ts"
import { parsePeerKey } from "./peer-key.ts"
import { publicKeyText, type PublicKeyFormat } from "./public-key-formats.ts"

const use = (type: string): Parameters<typeof parsePeerKey>[1] => ({ id: "chat/me", type, name: "friend" })
const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** Points on the three curves: RFC 7748 §6.1 (Bob's), RFC 6979 A.2.5 (P-256), and the base point of SEC 2 (secp256k1). */
const keys = [
  ["x25519", "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"],
  ["p256", "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"],
  ["secp256k1", "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"],
] as const

function codeOf(work: () => unknown): string {
  try {
    work()
    return "done"
  } catch (error) {
    if (error instanceof CommandError) return `${error.code}: ${error.message}`
    throw error
  }
}

describe("a peer's public key", () => {
  test.each(keys)("of type %s is read in every form that key public prints", (type, hex) => {
    const publicKey = Buffer.from(hex, "hex")
    for (const format of ["pem", "jwk", "hex", "raw"] as const satisfies readonly PublicKeyFormat[]) {
      const text = publicKeyText({ id: "friend", type, publicKey }, format)
      for (const form of [text, `${text}\n`]) expect(Buffer.from(parsePeerKey(bytesOf(form), use(type)))).toEqual(publicKey)
    }
    expect(parsePeerKey(publicKey, use(type))).toEqual(publicKey)
  })

  test("on another curve is refused, however long it is", () => {
    for (const [type, hex] of keys)
      for (const [other] of keys.filter(([each]) => each !== type)) {
        const pem = publicKeyText({ id: "friend", type, publicKey: Buffer.from(hex, "hex") }, "pem")
        expect(codeOf(() => parsePeerKey(bytesOf(pem), use(other)))).toMatch(/^KEY_PEER_INVALID: friend is a key on .* cannot agree/)
      }
  })

  test("is no private key, no other kind and no garbage", () => {
    const { privateKey, publicKey } = generateKeyPairSync("x25519")
    const rsa = generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey
    const refused = [
      privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
      JSON.stringify(privateKey.export({ format: "jwk" })),
      rsa.export({ format: "pem", type: "spki" }).toString(),
      JSON.stringify(rsa.export({ format: "jwk" })),
      publicKey.export({ format: "pem", type: "spki" }).toString().slice(0, 60),
      '{"kty":"OKP","crv":"X25519","x":7}',
      "{}",
      "null",
      "",
      "no key",
      "00".repeat(31),
    ]
    for (const text of refused) expect(codeOf(() => parsePeerKey(bytesOf(text), use("x25519")))).toMatch(/^KEY_PEER_INVALID: friend is no/)
  })
})
