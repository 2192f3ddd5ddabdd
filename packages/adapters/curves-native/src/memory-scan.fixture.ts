import { randomFillSync } from "node:crypto"
import { createInterface } from "node:readline"
import { installSecretMemory, Secret, toHex } from "@keygrove/base"
import { nativeAesGcm, nativeXChaCha, nativeXSalsa } from "./aead.ts"
import { nativeEd25519, nativeX25519 } from "./edwards.ts"
import { hkdfSha256 } from "./hkdf.ts"
import { lockedSecretMemory } from "./secret-memory.ts"

/** What each scenario does with a secret before it is wiped. */
const SCENARIOS: Readonly<Record<string, (secret: Secret) => void>> = {
  held: () => undefined,
  hkdf: (secret) => hkdfSha256(secret, new Uint8Array(20), 64)[Symbol.dispose](),
  ed25519: (secret) => void nativeEd25519.sign(secret, new Uint8Array(100)),
  x25519: (secret) => void nativeX25519.publicKey(secret),
  "aes-256-gcm": (secret) => void nativeAesGcm.seal(secret, new Uint8Array(12), new Uint8Array(100)),
  "xchacha20-poly1305": (secret) => void nativeXChaCha.seal(secret, new Uint8Array(24), new Uint8Array(100)),
  "xsalsa20-poly1305": (secret) => void nativeXSalsa.seal(secret, new Uint8Array(24), new Uint8Array(100)),
}

installSecretMemory(lockedSecretMemory())
const use = SCENARIOS[process.argv[2] ?? ""]
if (use === undefined) throw new TypeError("name a scenario")
const secret = Secret.fill(32, (bytes) => void randomFillSync(bytes))
// Told to the scanning process under a mask, so that this one holds the secret once only.
process.stdout.write(`${toHex(secret.expose((bytes) => bytes.map((byte) => byte ^ 0x5a)))}\n`)
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "end") break
  for (let round = 0; round < 50; round++) use(secret)
  secret[Symbol.dispose]()
  globalThis.gc?.()
  process.stdout.write("wiped\n")
}
process.stdin.destroy()
