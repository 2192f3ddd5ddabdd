import { duplexPair } from "node:stream"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import { decodeClusterId, decodeEpoch, decodeGeneration, decodeNodePath } from "@keygrove/hierarchy"
import { decodeKeyId } from "@keygrove/keys"
import type { KeyBackend } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import fc from "fast-check"
import { expect, test } from "vitest"
import { openTestVault } from "../../../vault/src/vault-kit.contract.ts"
import { KeystoreEngine } from "../engine.ts"
import { unlockNode } from "../node-secrets.ts"
import { KeystoreClient } from "./client.ts"
import { encodeFrame, FrameDecoder, FrameTooLarge, MAX_FRAME_BYTES } from "./frames.ts"
import { decodeAnswer, decodeRequest, encodeRequest } from "./messages.ts"
import { serveKeystore, type ServedKeystore } from "./server.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

const epoch = unwrap(decodeEpoch(1))
const { signal } = new AbortController()

function engine(): KeystoreEngine {
  const place = {
    cluster: unwrap(decodeClusterId("ab".repeat(32))),
    path: unwrap(decodeNodePath("/node")),
    generation: unwrap(decodeGeneration(1)),
    epoch,
  }
  const tools = { primitives: nativePrimitives, sealing: hpkeSealing, random: systemRandom }
  return new KeystoreEngine(tools, unlockNode(nativePrimitives, Secret.take(new Uint8Array(32).fill(1)), place))
}

const served = (): ServedKeystore => ({ keystore: engine(), keys: openTestVault().vault })

test("a lock does not wait for who waits for a token", async () => {
  const [begun, never] = [Promise.withResolvers<undefined>(), Promise.withResolvers<never>()]
  const untilAborted = async ({ signal: until }: { readonly signal: AbortSignal }): Promise<never> => {
    begun.resolve(undefined)
    until.addEventListener("abort", () => never.reject(until.reason))
    return await never.promise
  }
  const none = async (): Promise<never> => await never.promise
  const token: KeyBackend = {
    traits: { name: "pkcs11", takesSecrets: false, isOutside: true, isTransient: false },
    create: async (_key, call) => await untilAborted(call),
    check: none,
    sign: none,
    agree: none,
    encrypt: none,
    decrypt: none,
    mac: none,
    destroy: none,
  }
  const [near, far] = duplexPair()
  const serving = serveKeystore(far, { keystore: engine(), keys: openTestVault(undefined, [token]).vault }, signal)
  const client = unwrap(await KeystoreClient.greet(near))
  const order = { id: unwrap(decodeKeyId("slow")), type: "ed25519", source: { kind: "generate" }, backend: "pkcs11" } as const
  const registering = client.keys.register(order, { caller: "node", signal })
  await begun.promise
  unwrap(await client.lock({ signal }))
  expect(await registering).toMatchObject({ code: "KEYSTORE_LOCKED" })
  await serving
})

test("many calls at once are answered to whom they belong, until lock", async () => {
  const [near, far] = duplexPair()
  const serving = serveKeystore(far, served(), signal)
  const client = unwrap(await KeystoreClient.greet(near))
  const labels = Array.from({ length: 100 }, (_, index) => `label/${index}`)
  const keys = await Promise.all(labels.map(async (label) => unwrap(await client.labelPublicKey({ label, epoch }, { signal }))))
  const again = engine()
  for (const [index, label] of labels.entries())
    expect(unwrap(await again.labelPublicKey({ label, epoch }, { signal }))).toEqual(keys[index])
  expect(await client.lock({ signal })).toMatchObject({ ok: true })
  await serving
  far.end()
  expect(client.state()).toBe("locked")
  expect(await client.labelPublicKey({ label: "a", epoch }, { signal })).toMatchObject({ code: "KEYSTORE_LOCKED" })
})

test("a keystore that is gone answers every call, also those under way", async () => {
  const [near, far] = duplexPair()
  const serving = serveKeystore(far, served(), signal)
  const client = unwrap(await KeystoreClient.greet(near))
  const waiting = client.labelPublicKey({ label: "a", epoch }, { signal })
  far.destroy()
  expect((await waiting).ok === false || (await waiting).ok).toBe(true)
  await client.ended
  expect(client.state()).toBe("gone")
  expect(await client.labelPublicKey({ label: "a", epoch }, { signal })).toMatchObject({ code: "KEYSTORE_GONE" })
  await serving
})

test("frames survive any cutting, and a length of 4 GiB is refused at once", () => {
  const bodies = [new Uint8Array(0), new Uint8Array(3).fill(1), new Uint8Array(70_000).fill(2)]
  const stream = Buffer.concat(bodies.map(encodeFrame))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 8 }), (cuts) => {
      const decoder = new FrameDecoder()
      const ends = [...cuts.toSorted((a, b) => a - b), stream.length]
      const frames = ends.flatMap((end, index) => decoder.push(stream.subarray(index === 0 ? 0 : ends[index - 1], end)))
      expect(frames.map((frame) => Buffer.from(frame).toString("hex"))).toEqual(bodies.map((body) => Buffer.from(body).toString("hex")))
    }),
    { numRuns: 50 },
  )
  expect(() => new FrameDecoder().push(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).toThrow(FrameTooLarge)
  expect(() => encodeFrame(new Uint8Array(MAX_FRAME_BYTES + 1))).toThrow(RangeError)
})

test("garbage never throws in a decoder and never kills the server's process", async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void [decodeRequest(bytes), decodeAnswer(bytes)]),
    { numRuns: 5_000 },
  )
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, framed) => {
      const [near, far] = duplexPair()
      const serving = serveKeystore(far, served(), signal)
      near.resume()
      near.end(framed ? encodeFrame(bytes) : bytes)
      await serving
    }),
    { numRuns: 100 },
  )
  expect(decodeRequest(encodeRequest(1, "lock", {}))).toMatchObject({ ok: true })
})
