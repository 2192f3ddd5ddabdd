import { inspect } from "node:util"
import { generateKeyPair, publicKeyFromRaw } from "@libp2p/crypto/keys"
import { Uint8ArrayList } from "uint8arraylist"
import { expect, test } from "vitest"
import { kitKey, kitSeed } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { kitSigner } from "./hosts.contract.ts"
import { remotePrivateKey } from "./remote-private-key.ts"

const key = remotePrivateKey(kitKey("alice"), kitSigner("alice"))

test("signs what its public key verifies, in one piece or several", async () => {
  const message = new Uint8Array(100).fill(7)
  for (const form of [message, new Uint8ArrayList(message.subarray(0, 30), message.subarray(30))])
    expect(await key.publicKey.verify(message, await key.sign(form))).toBe(true)
  expect(await publicKeyFromRaw(kitKey("bob")).verify(message, await key.sign(message))).toBe(false)
})

test("gives no private bytes, by whatever way", () => {
  expect(() => key.raw).toThrow(TypeError)
  using seed = kitSeed("alice")
  const hex = seed.expose((bytes) => Buffer.from(bytes).toString("hex"))
  expect(JSON.stringify({ publicKey: key.publicKey.toString(), type: key.type })).not.toContain(hex)
  expect(inspect(key, { depth: 5, getters: false })).not.toContain(hex)
})

test("equals itself, no other key, and nothing that is no key", async () => {
  expect(key.equals(remotePrivateKey(kitKey("alice"), kitSigner("alice")))).toBe(true)
  expect(key.equals(remotePrivateKey(kitKey("bob"), kitSigner("bob")))).toBe(false)
  expect(key.equals(await generateKeyPair("Ed25519"))).toBe(false)
  expect(key.equals(undefined)).toBe(false)
})

test("hands the caller's signal to the signer, and the signer's failure to the caller", async () => {
  const signals: AbortSignal[] = []
  const failing = remotePrivateKey(kitKey("alice"), async (_message, { signal }) => {
    signals.push(signal)
    throw new Error("the keystore is locked")
  })
  const stop = new AbortController()
  await expect(failing.sign(new Uint8Array(1), { signal: stop.signal })).rejects.toThrow("the keystore is locked")
  await expect(failing.sign(new Uint8Array(1))).rejects.toThrow("the keystore is locked")
  expect(signals[0]).toBe(stop.signal)
  expect(signals[1]?.aborted).toBe(false)
})
