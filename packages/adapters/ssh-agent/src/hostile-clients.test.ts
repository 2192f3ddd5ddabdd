import { concatBytes } from "@keygrove/base"
import fc from "fast-check"
import { expect, test } from "vitest"
import { extension, framed, RawClient, signRequest } from "./raw-client.fixture.ts"
import { runAgent, type RunningAgent } from "./running-agent.fixture.ts"
import { MAX_AGENT_CONNECTIONS } from "./serve-ssh-agent.ts"
import { uint32 } from "./ssh-data.ts"

const data = Buffer.from("what is signed")

/** What a client sends, in which pieces, and how it leaves. */
interface Behaviour {
  readonly stream: Uint8Array
  readonly pieces: readonly number[]
  readonly leaves: "at once" | "after its last byte" | "half" | "when it is hung up on or answered"
}

const bytes = fc.uint8Array({ maxLength: 80 })
const body = fc.oneof(
  bytes,
  fc.constant(Uint8Array.of(11)),
  fc.tuple(bytes, bytes, fc.nat(7)).map(([key, message, flags]) => signRequest(key, message, flags)),
  bytes.map((contents) => extension("session-bind@openssh.com", contents)),
)
const stream = fc.oneof(
  bytes,
  fc.array(body, { maxLength: 6 }).map((bodies) => concatBytes(...bodies.map(framed))),
  fc
    .tuple(fc.array(body, { maxLength: 2 }), body, fc.nat(40))
    .map(([whole, last, cut]) => concatBytes(...whole.map(framed), framed(last).subarray(0, cut))),
  fc.tuple(fc.constantFrom(0, 262_145, 0x7f_ff_ff_ff, 0xff_ff_ff_ff), bytes).map(([length, rest]) => concatBytes(uint32(length), rest)),
)
const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  stream,
  pieces: fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 4 }),
  leaves: fc.constantFrom("at once", "after its last byte", "half", "when it is hung up on or answered"),
})

async function behave(agent: RunningAgent, { leaves, pieces, stream: sent }: Behaviour): Promise<void> {
  using client = await RawClient.open(agent.socketPath)
  for (let [at, turn] = [0, 0]; at < sent.length && !client.socket.destroyed; turn++) {
    const piece = sent.subarray(at, at + (pieces[turn % pieces.length] ?? 1))
    at += piece.length
    const { promise, resolve } = Promise.withResolvers<void>()
    client.socket.write(piece, () => resolve())
    if (leaves === "at once") return
    await promise
  }
  if (leaves === "half") client.socket.end()
  if (leaves === "half") await client.closed
  // Its last message may be unfinished; a whole one after it always has an end.
  if (leaves === "when it is hung up on or answered") client.socket.end(uint32(0xff_ff_ff_ff))
  if (leaves === "when it is hung up on or answered") await client.closed
}

/** An honest client is served. */
async function isServed(agent: RunningAgent): Promise<void> {
  using client = await RawClient.open(agent.socketPath)
  expect((await client.ask(signRequest(await client.blobOf("web"), data)))?.[0]).toBe(14)
}

test("whatever clients send, in whatever pieces, and however they leave, the next one is served", async () => {
  await using agent = await runAgent()
  agent.keys.add("web", "ed25519")
  await fc.assert(
    fc.asyncProperty(fc.array(behaviour, { minLength: 1, maxLength: 8 }), async (crowd) => {
      await Promise.all(crowd.map(async (each) => await behave(agent, each)))
      await isServed(agent)
    }),
    { numRuns: 2_000, interruptAfterTimeLimit: 6_000, markInterruptAsFailure: false },
  )
})

test("a client that says 4 GiB and sends them is hung up on, and costs no memory", async () => {
  await using agent = await runAgent()
  agent.keys.add("web", "ed25519")
  const before = process.memoryUsage().arrayBuffers
  for (let round = 0; round < 200; round++) {
    using client = await RawClient.open(agent.socketPath)
    client.socket.write(concatBytes(uint32(0xff_ff_ff_ff), new Uint8Array(65_536)))
    await client.closed
  }
  globalThis.gc?.()
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20)
  await isServed(agent)
})

test("a client that asks without end and reads nothing is stopped, and takes no other's place", async () => {
  await using agent = await runAgent({ times: { answerMs: 200 } })
  agent.keys.add("web", "ed25519")
  using greedy = await RawClient.open(agent.socketPath)
  greedy.socket.pause()
  const requests = concatBytes(...Array.from({ length: 2_000 }, () => framed(Uint8Array.of(11))))
  let isOpen = true
  greedy.socket.once("close", () => (isOpen = false))
  const flood = async (): Promise<void> => {
    for (let sent = 0; isOpen && sent < 4_000; sent++) {
      const { promise, resolve } = Promise.withResolvers<void>()
      greedy.socket.write(requests, () => resolve())
      await Promise.race([promise, greedy.closed])
    }
  }
  const flooding = flood()
  await isServed(agent)
  greedy.socket.resume()
  greedy.socket.destroy()
  await flooding
  await isServed(agent)
})

test("hundreds of clients at once are served or hung up on, and forgotten", async () => {
  await using agent = await runAgent()
  agent.keys.add("web", "ed25519")
  const outcomes = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const client = await RawClient.open(agent.socketPath).catch(() => undefined)
      if (client === undefined) return false
      using owned = client
      return (await owned.ask(Uint8Array.of(11))) !== undefined
    }),
  )
  expect(outcomes.filter(Boolean).length).toBeGreaterThanOrEqual(MAX_AGENT_CONNECTIONS)
  await isServed(agent)
})
