import { execFileSync } from "node:child_process"
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { CommandError } from "../errors.ts"
import { chooseFormat, publicKeyText, type PublicKey, type PublicKeyFormat } from "./public-key-formats.ts"

const state = { directory: "" }
beforeAll(() => {
  state.directory = mkdtempSync(join(tmpdir(), "keygrove-formats-"))
})
afterAll(() => rmSync(state.directory, { recursive: true }))

const base64url = (text: string | undefined): Buffer => Buffer.from(text ?? "", "base64url")

/** A fresh key of a type, as the platform made it and as the keystore stores it. */
function fresh(type: string): { readonly theirs: KeyObject; readonly ours: PublicKey } {
  const theirs = generate(type)
  const { x, y } = theirs.export({ format: "jwk" })
  const sign = ((base64url(y).at(-1) ?? 0) & 1) + 2
  const publicKey = y === undefined ? base64url(x) : Buffer.concat([Buffer.of(sign), base64url(x)])
  return { theirs, ours: { id: "a/key", type, publicKey } }
}

function generate(type: string): KeyObject {
  if (type === "ed25519") return generateKeyPairSync("ed25519").publicKey
  if (type === "x25519") return generateKeyPairSync("x25519").publicKey
  return generateKeyPairSync("ec", { namedCurve: type === "p256" ? "prime256v1" : "secp256k1" }).publicKey
}

function codeOf(work: () => unknown): string {
  try {
    work()
    return "done"
  } catch (error) {
    if (error instanceof CommandError) return error.code
    throw error
  }
}

describe("publicKeyText", () => {
  test.each(["ed25519", "x25519", "p256", "secp256k1"])("of %s is what the platform writes, as PEM and JWK", (type) => {
    for (let round = 0; round < 20; round++) {
      const { ours, theirs } = fresh(type)
      expect(publicKeyText(ours, "pem")).toBe(theirs.export({ format: "pem", type: "spki" }).toString().trimEnd())
      expect(createPublicKey({ key: JSON.parse(publicKeyText(ours, "jwk")), format: "jwk" }).equals(theirs)).toBe(true)
    }
  })

  test.each(["ed25519", "p256"])("of %s is what ssh-keygen makes of it", (type) => {
    const { ours, theirs } = fresh(type)
    const line = publicKeyText(ours, "ssh")
    expect(line.endsWith(" a/key")).toBe(true)
    if (type === "p256") {
      const file = join(state.directory, "public.pem")
      writeFileSync(file, theirs.export({ format: "pem", type: "spki" }))
      const made = execFileSync("ssh-keygen", ["-i", "-m", "PKCS8", "-f", file], { encoding: "utf8" })
      expect(line.split(" ").slice(0, 2).join(" ")).toBe(made.trim())
    }
    expect(execFileSync("ssh-keygen", ["-l", "-f", "-"], { input: line, encoding: "utf8" })).toMatch(
      /^256 SHA256:\S+ a\/key \((?:ED25519|ECDSA)\)/,
    )
  })

  test("in hex and base64 is the bytes", () => {
    const { ours } = fresh("x25519")
    expect(Buffer.from(publicKeyText(ours, "hex"), "hex")).toEqual(ours.publicKey)
    expect(Buffer.from(publicKeyText(ours, "raw"), "base64")).toEqual(ours.publicKey)
  })

  test.each<[string, PublicKeyFormat]>([
    ["x25519", "ssh"],
    ["secp256k1", "ssh"],
    ["bls12-381", "pem"],
    ["bls12-381", "jwk"],
    ["bls12-381", "ssh"],
  ])("of %s as %s is refused", (type, format) => {
    expect(codeOf(() => publicKeyText({ id: "k", type, publicKey: new Uint8Array(48) }, format))).toBe("KEY_FORMAT_UNSUPPORTED")
  })

  test("takes the format that the type has, and none that is unknown", () => {
    expect([chooseFormat(undefined, "p256"), chooseFormat(undefined, "bls12-381"), chooseFormat("jwk", "p256")]).toEqual([
      "pem",
      "hex",
      "jwk",
    ])
    expect(codeOf(() => chooseFormat("der", "p256"))).toBe("USAGE_INVALID")
  })
})
