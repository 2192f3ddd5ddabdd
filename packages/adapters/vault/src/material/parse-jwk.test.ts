import { generateKeyPairSync, randomBytes } from "node:crypto"
import type { KeyType } from "@keygrove/keys"
import { expect, test } from "vitest"
import { parsed } from "./key-forms.fixture.ts"

const okp = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" })
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" })
const oct = { kty: "oct", k: randomBytes(32).toString("base64url") }
const without = (jwk: object, name: string): object => Object.fromEntries(Object.entries(jwk).filter(([key]) => key !== name))

// RFC 8037 appendix A.1.
test("the example of RFC 8037", () => {
  const jwk =
    '{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
  const read = parsed("ed25519", Buffer.from(jwk))
  expect(read.ok && Buffer.from(read.value).toString("hex")).toBe("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
})

test.each<readonly [string, KeyType, unknown, string]>([
  ["no kty", "ed25519", without(okp, "kty"), "kty"],
  ["a set of keys", "ed25519", { keys: [okp] }, "of a set of keys"],
  ["no crv", "ed25519", without(okp, "crv"), "unknown kty or crv"],
  ["an unknown crv", "ed25519", { ...okp, crv: "Ed448" }, "unknown kty or crv"],
  ["a crv of another case", "ed25519", { ...okp, crv: "ed25519" }, "unknown kty or crv"],
  ["a crv that is no string", "ed25519", { ...okp, crv: ["Ed25519"] }, "unknown kty or crv"],
  ["a crv of another kty", "p256", { ...ec, kty: "OKP" }, "unknown kty or crv"],
  ["a crv of a symmetric key", "aes256", { ...oct, crv: "P-256" }, "unknown kty or crv"],
  ["a public key", "ed25519", without(okp, "d"), 'no member "d"'],
  ["no public part", "ed25519", without(okp, "x"), 'no member "x"'],
  ["half a public part", "p256", without(ec, "y"), 'no member "y"'],
  ["a short public part", "p256", { ...ec, y: "AAAA" }, 'no member "y" of 32 bytes'],
  ["a short secret", "ed25519", { ...okp, d: "AAAA" }, '"d" of the JWK is 3 bytes'],
  ["a secret with padding", "ed25519", { ...okp, d: `${okp.d}=` }, '"d" of the JWK is no base64url'],
  ["a secret that is a number", "ed25519", { ...okp, d: 5 }, "no base64url"],
  ["a symmetric key of 16 bytes", "aes256", { kty: "oct", k: randomBytes(16).toString("base64url") }, "is 16 bytes"],
  ["an encrypted key (JWE)", "ed25519", { protected: "eyJ", ciphertext: "AAAA", tag: "AAAA" }, "no JWK"],
  ["a key for another type", "x25519", okp, "holds a key of type ed25519"],
])("refuses %s", (_what, type, jwk, words) => {
  expect(parsed(type, Buffer.from(JSON.stringify(jwk)))).toMatchObject({
    code: "KEY_MATERIAL_INVALID",
    message: expect.stringContaining(words),
  })
})

test("refuses a member that stands in it twice, also behind an escape", () => {
  for (const more of [`"d":"${okp.d}"`, '"kty":"RSA"', '"\\u0064":"AAAA"'])
    expect(parsed("ed25519", Buffer.from(`${JSON.stringify(okp).slice(0, -1)},${more}}`))).toMatchObject({ code: "KEY_MATERIAL_INVALID" })
})
