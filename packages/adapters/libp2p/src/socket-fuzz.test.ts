import { once } from "node:events"
import type { Socket } from "node:net"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { collectedBytes, expectService, MAX_LEFT_BYTES, openSocket, socketEnd, startVictim } from "./hostile.contract.ts"

/**
 * Hostile strangers, before any handshake, against a real listener. After each attack it must answer an honest peer; an unhandled rejection or
 * exception fails the run by itself.
 */

const noiseMessage = (payload: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of(payload.length >> 8, payload.length & 255), payload])
const line = (text: string): Uint8Array => Buffer.concat([Uint8Array.of(text.length + 1), Buffer.from(`${text}\n`)])
const GREETING = Buffer.concat([line("/multistream/1.0.0"), line("/noise")])

/** How an attacker leaves. */
const leave: Readonly<Record<string, (socket: Socket) => unknown>> = {
  ends: (socket) => socket.end(),
  destroys: (socket) => socket.destroy(),
  resets: (socket) => socket.resetAndDestroy(),
}
const anyLeave = fc.constantFrom(...Object.keys(leave))

describe("bare TCP connections", () => {
  test("that send garbage or half a handshake and go, in any way, do no harm", async () => {
    await using victim = await startVictim()
    await expectService(victim)
    const before = collectedBytes()
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 2_000 }),
      fc
        .tuple(fc.nat({ max: GREETING.length }), fc.uint8Array({ maxLength: 300 }))
        .map(([cut, tail]) => Buffer.concat([GREETING.subarray(0, cut), tail])),
      // A whole greeting and a Noise message of any length and content.
      fc.uint8Array({ maxLength: 400 }).map((payload) => Buffer.concat([GREETING, noiseMessage(payload)])),
      // A length without end, which libp2p would read for seconds.
      fc.constantFrom(Buffer.alloc(200_000, 0xff), Buffer.concat([GREETING.subarray(0, 20), Buffer.alloc(200_000, 0x80)])),
    )
    const attack = fc.record({ bytes: anyBytes, how: anyLeave, waits: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(attack, { minLength: 1, maxLength: 5 }), async (attacks) => {
        await Promise.all(
          attacks.map(async ({ bytes, how, waits }) => {
            const socket = await openSocket(victim)
            const closed = socketEnd(socket)
            const flushed = Promise.withResolvers<void>()
            socket.write(bytes, () => flushed.resolve())
            if (waits) await Promise.race([flushed.promise, closed])
            leave[how]?.(socket)
            socket.resume()
            await closed
          }),
        )
        await expectService(victim)
      }),
      { numRuns: 10 },
    )
    expect(collectedBytes() - before).toBeLessThan(MAX_LEFT_BYTES)
  })

  test("that stay silent, fewer than the handshakes allowed, keep nobody out", async () => {
    await using victim = await startVictim()
    const silent = await Promise.all(Array.from({ length: 100 }, () => openSocket(victim)))
    await expectService(victim)
    for (const socket of silent) socket.destroy()
  })

  test("that leave in the middle of the handshake free its place", async () => {
    await using victim = await startVictim()
    // More, one after the other, than may be under way at once; fewer than are accepted in a second.
    for (let round = 0; round < 7; round++) {
      const sockets = await Promise.all(Array.from({ length: 20 }, () => openSocket(victim)))
      await Promise.all(
        sockets.map(async (socket) => {
          socket.write(GREETING)
          await once(socket, "data")
          const closed = socketEnd(socket)
          socket.resetAndDestroy()
          await closed
        }),
      )
    }
    await expectService(victim)
  })
})
