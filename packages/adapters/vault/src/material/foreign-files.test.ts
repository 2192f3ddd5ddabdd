import { execFileSync } from "node:child_process"
import { createECDH, createPrivateKey, createPublicKey } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { KEY_TYPES, type KeyType } from "@keygrove/keys"
import { afterAll, describe, expect, test } from "vitest"
import { parsed, secretOf } from "./key-forms.fixture.ts"

// Files that OpenSSL and OpenSSH write themselves.
const folder = mkdtempSync(join(tmpdir(), "keygrove-foreign-"))
afterAll(() => rmSync(folder, { recursive: true }))

const openssl = (...args: readonly string[]): Buffer => execFileSync("openssl", args, { stdio: ["ignore", "pipe", "ignore"] })

let made = 0
function sshKeygen(...args: readonly string[]): { readonly path: string; readonly contents: Buffer; readonly publicKey: Buffer } {
  const path = join(folder, `ssh-${made++}`)
  execFileSync("ssh-keygen", ["-q", "-f", path, "-C", "someone@somewhere", ...args], { stdio: "pipe" })
  const blob = readFileSync(`${path}.pub`, "latin1").split(" ")[1] ?? ""
  return { path, contents: readFileSync(path), publicKey: Buffer.from(blob, "base64") }
}

const OPENSSL: readonly (readonly [KeyType, string, readonly string[]])[] = [
  ["ed25519", "genpkey", ["genpkey", "-algorithm", "ed25519"]],
  ["x25519", "genpkey", ["genpkey", "-algorithm", "x25519"]],
  ["p256", "genpkey", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]],
  ["secp256k1", "genpkey", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]],
  ["p256", "ecparam, with its parameters before it", ["ecparam", "-name", "prime256v1", "-genkey"]],
  ["secp256k1", "ecparam", ["ecparam", "-name", "secp256k1", "-genkey", "-noout"]],
]

describe("files of OpenSSL", () => {
  test.each(OPENSSL)("%s by %s, in PEM and in DER", (type, _program, args) => {
    const pem = openssl(...args)
    const secret = secretOf(createPrivateKey(pem))
    expect(parsed(type, pem)).toEqual({ ok: true, value: secret })
    const path = join(folder, "key.pem")
    writeFileSync(path, pem)
    expect(parsed(type, openssl("pkey", "-in", path, "-outform", "DER"))).toEqual({ ok: true, value: secret })
    if (type === "p256" || type === "secp256k1")
      expect(parsed(type, openssl("pkey", "-in", path, "-traditional"))).toEqual({ ok: true, value: secret })
  })

  test("what the refusal of an encrypted file says works", () => {
    const [locked, opened] = [join(folder, "locked.pem"), join(folder, "opened.pem")]
    writeFileSync(locked, openssl("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:correct horse"))
    expect(parsed("ed25519", readFileSync(locked))).toMatchObject({
      message: expect.stringContaining("openssl pkey -in FILE -out NEW_FILE"),
    })
    openssl("pkey", "-in", locked, "-out", opened, "-passin", "pass:correct horse")
    expect(parsed("ed25519", readFileSync(opened))).toMatchObject({ ok: true })
  })

  test.each([
    ["RSA", ["genrsa", "-traditional", "2048"], "RSA"],
    ["RSA in PKCS #8", ["genrsa", "2048"], "RSA"],
    ["RSA-PSS", ["genpkey", "-algorithm", "RSA-PSS"], "RSA"],
    ["Ed448", ["genpkey", "-algorithm", "ed448"], "another algorithm"],
    ["P-384", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "another curve"],
    ["P-384 in SEC1", ["ecparam", "-name", "secp384r1", "-genkey", "-noout"], "another curve"],
    ["a spelled-out curve", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-param_enc", "explicit"], "only named curves"],
    ["parameters alone", ["ecparam", "-name", "prime256v1"], "PEM"],
  ])("refuses %s by its name", (_what, args, words) => {
    expect(parsed("p256", openssl(...args))).toMatchObject({ code: "KEY_MATERIAL_INVALID", message: expect.stringContaining(words) })
  })

  test("refuses public keys, and two keys in a file", () => {
    const pem = openssl("genpkey", "-algorithm", "ed25519")
    const publicKey = createPublicKey(pem).export({ format: "pem", type: "spki" })
    expect(parsed("ed25519", Buffer.from(publicKey))).toMatchObject({ message: expect.stringContaining("public key") })
    expect(parsed("ed25519", Buffer.concat([pem, pem]))).toMatchObject({ message: expect.stringContaining("goes on after its first key") })
  })
})

describe("files of OpenSSH", () => {
  test("ed25519: the seed whose public key stands beside it", () => {
    const { contents, publicKey } = sshKeygen("-t", "ed25519", "-N", "")
    const seed = parsed("ed25519", contents)
    if (!seed.ok) throw new TypeError(seed.message)
    const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed.value])
    const own = createPublicKey(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" })).export({ format: "der", type: "spki" })
    expect(own.subarray(-32)).toEqual(publicKey.subarray(-32))
  })

  test("nistp256: the scalar of its point, whatever its leading zeros and sign bits", () => {
    for (let round = 0; round < 8; round++) {
      const { contents, publicKey } = sshKeygen("-t", "ecdsa", "-b", "256", "-N", "")
      const scalar = parsed("p256", contents)
      if (!scalar.ok) throw new TypeError(scalar.message)
      const ecdh = createECDH("prime256v1")
      ecdh.setPrivateKey(scalar.value)
      expect(ecdh.getPublicKey()).toEqual(publicKey.subarray(-65))
    }
  })

  test("in the PEM forms it also writes", () => {
    for (const format of ["PEM", "PKCS8"]) {
      const { contents } = sshKeygen("-t", "ecdsa", "-b", "256", "-N", "", "-m", format)
      expect(parsed("p256", contents)).toEqual({ ok: true, value: secretOf(createPrivateKey(contents)) })
    }
  })

  test("what the refusal of an encrypted file says works", () => {
    const { contents, path } = sshKeygen("-t", "ed25519", "-N", "correct horse")
    expect(parsed("ed25519", contents)).toMatchObject({ message: expect.stringContaining('ssh-keygen -p -N "" -f COPY') })
    execFileSync("ssh-keygen", ["-p", "-P", "correct horse", "-N", "", "-f", path], { stdio: "pipe" })
    expect(parsed("ed25519", readFileSync(path))).toMatchObject({ ok: true })
  })

  test.each([
    ["RSA", ["-t", "rsa", "-b", "2048"], "RSA"],
    ["nistp384", ["-t", "ecdsa", "-b", "384"], "another algorithm"],
    ["ed25519 for another type", ["-t", "ed25519"], "holds a key of type ed25519"],
  ])("refuses %s by its name", (_what, args, words) => {
    expect(parsed("p256", sshKeygen(...args, "-N", "").contents)).toMatchObject({ message: expect.stringContaining(words) })
  })

  test("no bit of the file is looked over", () => {
    for (const args of [
      ["-t", "ed25519"],
      ["-t", "ecdsa", "-b", "256"],
    ] as const) {
      const type = args[1] === "ed25519" ? "ed25519" : "p256"
      const { contents } = sshKeygen(...args, "-N", "")
      const secret = parsed(type, contents)
      const blob = Buffer.from(contents.toString("latin1").split("\n").slice(1, -2).join(""), "base64")
      let same = 0
      for (let bit = 0; bit < blob.length * 8; bit++) {
        const flipped = Buffer.from(blob)
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const armour = "OPENSSH PRIVATE KEY"
        const pem = `-----BEGIN ${armour}-----\n${flipped.toString("base64")}\n-----END ${armour}-----\n`
        const result = parsed(type, Buffer.from(pem))
        if (!result.ok) continue
        expect(result.value.length).toBe(32)
        if (secret.ok && Buffer.from(secret.value).equals(result.value)) same++
      }
      // The comment is nobody's but its owner's; one bit of its length can make the padding a part of it.
      expect([0, 1]).toContain(same - "someone@somewhere".length * 8)
    }
  })

  test("every beginning of a file is refused", () => {
    const { contents } = sshKeygen("-t", "ed25519", "-N", "")
    const text = contents.toString("latin1").trimEnd()
    for (let length = 1; length < text.length; length++) {
      const cut = parsed("ed25519", Buffer.from(text.slice(0, length)))
      if (length !== 32) expect(cut).toMatchObject({ code: "KEY_MATERIAL_INVALID" })
    }
  })
})

test("no type takes a file of a program that was not made for it", () => {
  const pem = openssl("genpkey", "-algorithm", "x25519")
  for (const type of KEY_TYPES) expect(parsed(type, pem).ok, type).toBe(type === "x25519")
})
