import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { nodeForms, parsed, publicKeyBy, type KeyForm } from "./key-forms.fixture.ts"

function opensshForms(): readonly KeyForm[] {
  const folder = mkdtempSync(join(tmpdir(), "keygrove-public-part-"))
  const make = (type: "ed25519" | "p256"): KeyForm => {
    const path = join(folder, type)
    const args = type === "ed25519" ? ["-t", "ed25519"] : ["-t", "ecdsa", "-b", "256"]
    execFileSync("ssh-keygen", ["-q", "-N", "", "-C", "", "-f", path, ...args])
    const bytes = readFileSync(path)
    const read = parsed(type, bytes)
    if (!read.ok) throw new TypeError(read.message)
    return { form: "OpenSSH", type, bytes, secret: read.value }
  }
  const forms = [make("ed25519"), make("p256")]
  rmSync(folder, { recursive: true })
  return forms
}

// RFC 8410 §10.3: version 1, with an attribute and the public key.
const armour = "PRIVATE KEY"
const rfc8410: KeyForm = {
  form: "PKCS #8 of version 1",
  type: "ed25519",
  secret: Uint8Array.from(Buffer.from("d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842", "hex")),
  bytes: Buffer.from(`-----BEGIN ${armour}-----
MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB
Z9w7lshQhqowtrbLDFw4rXAxZuE=
-----END ${armour}-----
`),
}

/** Forms that have the public key beside the secret: all but PKCS #8 of version 0 for ed25519 and x25519, and symmetric keys. */
const FORMS = [...nodeForms(), ...opensshForms(), rfc8410].filter(
  ({ form, type }) => type !== "aes256" && !(["ed25519", "x25519"].includes(type) && form.startsWith("PKCS #8 in")),
)

describe("the public key beside a secret", () => {
  test.each(FORMS)("$type as $form: is its own", ({ bytes, secret, type }) => {
    expect(parsed(type, bytes, publicKeyBy(type))).toEqual({ ok: true, value: secret })
  })

  test.each(FORMS)("$type as $form: another one is refused", ({ bytes, type }) => {
    const other = publicKeyBy(type)
    const refused = parsed(type, bytes, (secret) => other(secret)?.map((byte, index) => (index === 20 ? byte ^ 1 : byte)))
    expect(refused).toMatchObject({ code: "KEY_MATERIAL_INVALID", message: expect.stringContaining("does not belong to it") })
  })

  test.each(FORMS)("$type as $form: a flipped bit makes no other key", ({ bytes, secret, type }) => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const read = parsed(type, flipped, publicKeyBy(type))
      if (read.ok && Buffer.compare(read.value, secret) !== 0) expect(isClamped(type, read.value, secret), `bit ${bit}`).toBe(true)
    }
  })

  test("is not asked for where there is none, nor for what is no secret", () => {
    const hex = Buffer.from("ab".repeat(32))
    const never = (): never => {
      throw new TypeError("asked")
    }
    expect(parsed("p256", hex, never)).toMatchObject({ ok: true })
    const [form] = FORMS
    if (form !== undefined) expect(parsed(form.type, form.bytes, () => undefined)).toMatchObject({ ok: true })
  })
})

/** X25519 does not look at five bits of its secret (RFC 7748 §5), so other bytes there are the same key. */
function isClamped(type: string, a: Uint8Array, b: Uint8Array): boolean {
  const clamp = (bytes: Uint8Array): string =>
    Buffer.from(bytes.map((byte, index) => (index === 0 ? byte & 0xf8 : index === 31 ? (byte & 0x3f) | 0x40 : byte))).toString("hex")
  return type === "x25519" && clamp(a) === clamp(b)
}
