import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { encodeCanonical, Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import { decodeKeyId } from "@keygrove/keys"
import { encodeFrame, foundNode, FrameDecoder, KeystoreClient, KeystoreEngine, serveKeystore, unlockNode } from "@keygrove/keystore"
import { systemRandom } from "@keygrove/system"
import { encode } from "cborg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { openTestVault } from "../../packages/adapters/vault/src/vault-kit.contract.ts"
import { pick, type Dice } from "./dice.ts"
import { fuzz, FUZZ_TIMEOUT_MS } from "./fuzz.ts"
import { greetingSample, methodSamples } from "./keystore-messages.ts"
import { mutateBytes, randomBytesOf } from "./mutate-bytes.ts"
import { mutateTree, type Tree } from "./mutate-tree.ts"

const tools = {
  primitives: nativePrimitives,
  sealing: createSealing({ x25519: nativePrimitives.x25519, random: systemRandom }),
  random: systemRandom,
}
const { signal } = new AbortController()
const call = { caller: "node", signal }
const id = unwrap(decodeKeyId("web/tls"))
const directory = mkdtempSync(join(tmpdir(), "keygrove-fuzz-"))
const vault = openTestVault()
/** All but the one that ends what is tested. */
const methods = Object.keys(methodSamples).filter((name) => name !== "lock")
const faults: unknown[] = []
let served: Socket | undefined
let server: Server

beforeAll(async () => {
  using seed = Secret.take(systemRandom(64))
  const { nodeSecret, place } = unwrap(foundNode(nativePrimitives, seed, "node"))
  const keystore = new KeystoreEngine(tools, unlockNode(nativePrimitives, nodeSecret, place))
  nodeSecret[Symbol.dispose]()
  server = createServer((socket) => {
    served = socket
    // As the keystore's program does, whose end this would be.
    socket.on("error", () => undefined)
    serveKeystore(socket, { keystore, keys: vault.vault }, signal)
      .catch((error: unknown) => faults.push(error))
      .finally(() => socket.destroy())
  })
  server.listen(join(directory, "keystore.sock"))
  await once(server, "listening")
  unwrap(await vault.vault.register({ id, type: "ed25519", source: { kind: "generate" } }, call))
})

afterAll(() => {
  server.close()
  vault[Symbol.dispose]()
  rmSync(directory, { recursive: true })
})

async function open(): Promise<Socket> {
  const socket = connect(join(directory, "keystore.sock"))
  await once(socket, "connect")
  return socket.on("error", () => undefined)
}

function frameOf(tree: Tree, roll: Dice): Uint8Array {
  const body = roll(10) === 0 ? randomBytesOf(roll) : encode(roll(2) === 0 ? tree : mutateTree(tree, roll))
  return roll(8) === 0 ? mutateBytes(encodeFrame(body), roll) : encodeFrame(body)
}

test("a keystore outlives daemons that speak badly, hang up or fall silent", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  await fuzz({
    name: "daemons",
    share: 12,
    cost: 60,
    once: async (roll) => {
      const socket = await open()
      const closed = once(socket, "close")
      const requests = Array.from({ length: 1 + roll(4) }, (_, index) => {
        const method = pick(roll, methods)
        return frameOf({ id: index + 1, method, params: methodSamples[method]?.params ?? {} }, roll)
      })
      const stream = Buffer.concat(requests)
      socket.write(stream.subarray(0, 1 + roll(stream.length)))
      if (roll(2) === 0) socket.resume().end()
      else socket.destroy()
      await closed
    },
  })
  expect(faults).toEqual([])
  const client = unwrap(await KeystoreClient.greet(await open()))
  expect(await client.keys.find(id, call)).toMatchObject({ ok: true })
  await client[Symbol.asyncDispose]()
})

/** As many as no system's socket buffers hold the answers of. */
const UNREAD = 60_000
/** What the requests in one piece of the socket's may be answered with; all answers together are more than three times that. */
const MAX_UNREAD_BYTES = 2 * 1024 * 1024

test(
  "a daemon that asks and does not read makes the keystore wait, not grow, and gets every answer in the end",
  { timeout: FUZZ_TIMEOUT_MS },
  async () => {
    const socket = await open()
    const requests = Array.from({ length: UNREAD }, (_, index) =>
      encodeFrame(encodeCanonical({ id: index + 1, method: "keys.find", params: { caller: "node", id } })),
    )
    socket.pause().write(Buffer.concat(requests))
    let most = 0
    for (let turn = 0; turn < 2_000; turn++) {
      await setImmediate()
      most = Math.max(most, served?.writableLength ?? 0)
    }
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(MAX_UNREAD_BYTES)
    const decoder = new FrameDecoder()
    let answers = 0
    for await (const chunk of socket) {
      answers += decoder.push(chunk).length
      // The greeting is one more.
      if (answers === UNREAD + 1) break
    }
    expect(answers).toBe(UNREAD + 1)
  },
)

test("a client of a lying keystore gets an answer to every call", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const liars = createServer()
  liars.listen(join(directory, "liar.sock"))
  await once(liars, "listening")
  const outcomes = new Set<string>()
  await fuzz({
    name: "keystores",
    share: 12,
    cost: 80,
    once: async (roll) => {
      const lying = once(liars, "connection")
      const socket = connect(join(directory, "liar.sock")).on("error", () => undefined)
      const [liar]: Socket[] = await lying
      liar?.on("error", () => undefined).resume()
      const isHonest = roll(2) === 0
      liar?.write(isHonest ? encodeFrame(encode({ id: 0, value: greetingSample })) : frameOf({ id: 0, value: greetingSample }, roll))
      lie(liar, roll)
      // Whoever starts a keystore ends one that never greets.
      if (!isHonest) liar?.end()
      const greeted = await KeystoreClient.greet(socket)
      outcomes.add(greeted.ok ? "greeted" : greeted.code)
      if (!greeted.ok) return void socket.destroy()
      const client = greeted.value
      const calls = [
        client.keys.find(id, call),
        client.keys.list({ limit: 2 }, call),
        client.keys.mac({ id, message: new Uint8Array(3) }, call),
      ]
      lie(liar, roll)
      liar?.end()
      for (const answer of await Promise.all(calls)) outcomes.add(answer.ok ? "ok" : answer.code)
      await client[Symbol.asyncDispose]()
    },
  })
  liars.close()
  for (const code of ["greeted", "ok", "KEYSTORE_GONE", "KEYSTORE_REQUEST_INVALID", "KEYSTORE_START_FAILED"])
    expect(outcomes).toContain(code)
})

/** Answers to anything, among them ones that nobody asked for. */
function lie(liar: Socket | undefined, roll: Dice): void {
  for (let answers = roll(5); answers > 0; answers--) {
    const value = methodSamples[pick(roll, methods)]?.value ?? null
    if (liar?.writable === true) liar.write(frameOf({ id: roll(6), value }, roll))
  }
}
