import { execFileSync, spawn } from "node:child_process"
import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { KeyType } from "@keygrove/keys"
import { afterAll, describe, expect, test } from "vitest"
import { findInProcess } from "./process-memory.ts"

const isRootOnLinux = process.platform === "linux" && process.getuid?.() === 0
const folder = mkdtempSync(join(tmpdir(), "keygrove-material-"))
afterAll(() => rmSync(folder, { recursive: true }))

interface Form {
  readonly name: string
  readonly type: KeyType
  /** A file with a fresh key. */
  readonly make: () => Buffer
}

const ed25519 = (): KeyObject => generateKeyPairSync("ed25519").privateKey
const p256 = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey

const FORMS: readonly Form[] = [
  { name: "raw", type: "aes256", make: () => randomBytes(32) },
  { name: "hex", type: "bls12-381", make: () => Buffer.from(randomBytes(32).toString("hex")) },
  { name: "base64", type: "x25519", make: () => Buffer.from(randomBytes(32).toString("base64")) },
  { name: "PKCS #8 in PEM", type: "ed25519", make: () => Buffer.from(ed25519().export({ format: "pem", type: "pkcs8" })) },
  { name: "PKCS #8 in DER", type: "p256", make: () => p256().export({ format: "der", type: "pkcs8" }) },
  { name: "SEC1 in PEM", type: "p256", make: () => Buffer.from(p256().export({ format: "pem", type: "sec1" })) },
  { name: "JWK", type: "p256", make: () => Buffer.from(JSON.stringify(p256().export({ format: "jwk" }))) },
  { name: "OpenSSH", type: "ed25519", make: opensshFile },
]

let made = 0
function opensshFile(): Buffer {
  const path = join(folder, `ssh-${made++}`)
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path])
  return readFileSync(path)
}

/** Most pieces that are looked for: each costs a pass over the whole memory. */
const MAX_PIECES = 8

/** Pieces from all over a file that no file of another key in the same form has, and that are more than a piece of the public key, which may stay. */
function ownPieces(file: Buffer, other: Buffer, publicKey: Buffer): ReadonlyMap<string, Uint8Array> {
  const pieces = new Map<string, Uint8Array>()
  for (let at = 0; at + 16 <= file.length; at += 8) {
    const piece = file.subarray(at, at + 16)
    if (!sharesHalf(piece, other) && !publicKey.includes(piece)) pieces.set(`file from ${at}`, piece)
  }
  const step = Math.ceil(pieces.size / MAX_PIECES)
  return new Map([...pieces].filter((_piece, index) => index % step === 0))
}

function sharesHalf(piece: Buffer, other: Buffer): boolean {
  for (let at = 0; at + 8 <= piece.length; at++) if (other.includes(piece.subarray(at, at + 8))) return true
  return false
}

/** The public point that a file in DER carries as it is; the other forms spell theirs in text. */
function publicIn({ name }: Form, file: Buffer): Buffer {
  if (!name.endsWith("DER")) return Buffer.alloc(0)
  const { x = "", y = "" } = createPrivateKey({ key: file, format: "der", type: "pkcs8" }).export({ format: "jwk" })
  return Buffer.concat([Buffer.from(x, "base64url"), Buffer.from(y, "base64url")])
}

/** The secret itself, where node:crypto can read the form. */
function secretIn({ name, type }: Form, file: Buffer): Buffer | undefined {
  if (name === "raw") return file
  if (name === "hex") return Buffer.from(file.toString(), "hex")
  if (name === "base64") return Buffer.from(file.toString(), "base64")
  if (name === "OpenSSH") return undefined
  const key =
    name === "JWK"
      ? createPrivateKey({ key: JSON.parse(file.toString()), format: "jwk" })
      : name.endsWith("DER")
        ? createPrivateKey({ key: file, format: "der", type: "pkcs8" })
        : createPrivateKey(file)
  const { d } = key.export({ format: "jwk" })
  if (d === undefined) throw new TypeError(`no private ${type}`)
  return Buffer.from(d, "base64url")
}

describe.runIf(isRootOnLinux)("memory of a process that reads a key", () => {
  test.each(FORMS)("$name: no piece of the file and no copy of the key is left once it is wiped", async (form) => {
    const file = form.make()
    const path = join(folder, `key-${made++}`)
    writeFileSync(path, file, { mode: 0o600 })
    const secret = secretIn(form, file)
    const patterns = new Map(ownPieces(file, form.make(), publicIn(form, file)))
    if (secret !== undefined) {
      patterns.set("first half of the key", secret.subarray(0, 16))
      patterns.set("second half of the key", secret.subarray(16))
      patterns.set("key reversed", Buffer.from(secret).reverse())
    }
    expect(patterns.size).toBeGreaterThan(1)
    const script = new URL("./key-material.fixture.ts", import.meta.url).pathname
    const child = spawn(process.execPath, ["--no-warnings", script, form.type, path], { stdio: ["pipe", "pipe", "inherit"] })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe("32 bytes held")
    // The scan must find what is there before its finding nothing means anything.
    const held = await findInProcess(child.pid ?? 0, patterns)
    expect(held.length).toBeGreaterThanOrEqual(patterns.size - (secret === undefined ? 0 : 1))
    child.stdin.write("wipe\n")
    expect((await lines.next()).value).toBe("wiped")
    expect(await findInProcess(child.pid ?? 0, patterns)).toEqual([])
    child.stdin.end("end\n")
  })
})
