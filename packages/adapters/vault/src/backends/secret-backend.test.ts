import { Secret, unwrap, utf8 } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeKeyId, KEY_TYPES, type SignatureAlgorithm } from "@keygrove/keys"
import type { HeldKey, KeyBackend, NewKey } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import { expect, test } from "vitest"
import { keyBackendContract } from "../../../../service/src/ports/key-backend.contract.ts"
import { createAlgorithms } from "../algorithms/algorithms.ts"
import { Sweeper } from "../algorithms/sweeper.ts"
import { MemoryShelf } from "./memory-shelf.ts"
import { SealedShelf } from "./sealed-shelf.ts"
import { SecretBackend } from "./secret-backend.ts"
import type { SecretShelf } from "./secret-shelf.ts"

const platform = { primitives: nativePrimitives, random: systemRandom }
const call = { signal: new AbortController().signal }
const signatures: readonly SignatureAlgorithm[] = ["ed25519", "ecdsa-sha256", "bip340", "bls-g2"]
const key: NewKey = { id: unwrap(decodeKeyId("a")), type: "ed25519", version: 1 }

function backendOver(shelf: SecretShelf): KeyBackend {
  return new SecretBackend({ ...platform, algorithms: createAlgorithms(platform), sweeper: new Sweeper() }, shelf)
}

const shelves = {
  sealed: () => new SealedShelf(platform, Secret.take(systemRandom(32))),
  preload: () => new MemoryShelf(),
}

for (const [name, shelf] of Object.entries(shelves))
  keyBackendContract(name, { capabilities: { types: KEY_TYPES, signatures, macs: true }, open: async () => backendOver(shelf()) })

test("a sealed secret opens under its own name, version, type and public key only", async () => {
  const backend = backendOver(shelves.sealed())
  const held: HeldKey = { ...key, ...unwrap(await backend.create(key, call)) }
  const order = { message: utf8("message"), algorithm: "ed25519" } as const
  expect(await backend.sign(held, order, call)).toMatchObject({ ok: true })
  for (const other of [
    { ...held, id: unwrap(decodeKeyId("b")) },
    { ...held, version: 2 },
    { ...held, publicKey: held.publicKey.with(0, (held.publicKey[0] ?? 0) ^ 1) },
    { ...held, handle: held.handle.with(30, (held.handle[30] ?? 0) ^ 1) },
    { ...held, handle: held.handle.subarray(0, 20) },
  ])
    expect(await backend.sign(other, order, call)).toMatchObject({ code: "KEY_RECORD_INVALID" })
})

test("preloaded secrets are wiped with their shelf, and one that takes the place of another wipes it", async () => {
  const shelf = new MemoryShelf()
  const backend = backendOver(shelf)
  using one = Secret.take(new Uint8Array(32).fill(1))
  using two = Secret.take(new Uint8Array(32).fill(2))
  const first: HeldKey = { ...key, ...unwrap(await backend.create({ ...key, secret: one }, call)) }
  const second: HeldKey = { ...key, ...unwrap(await backend.create({ ...key, secret: two }, call)) }
  expect(second.publicKey).not.toEqual(first.publicKey)
  expect(backend.withSecret?.(first, (secret) => secret.equals(two))).toEqual({ ok: true, value: true })
  shelf[Symbol.dispose]()
  expect(backend.withSecret?.(first, () => true)).toMatchObject({ code: "KEY_RECORD_INVALID" })
})
