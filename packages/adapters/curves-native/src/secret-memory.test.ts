import { inspect } from "node:util"
import { installSecretMemory, plainSecretMemory, Secret } from "@keygrove/base"
import fc from "fast-check"
import { afterEach, describe, expect, test } from "vitest"
import { lockedSecretMemory, type SecretMemoryWarning } from "./secret-memory.ts"

afterEach(() => installSecretMemory(plainSecretMemory))

describe("lockedSecretMemory", () => {
  test("gives zeroed, disjoint memory of one buffer, whatever the order of releases", () => {
    const memory = lockedSecretMemory({ arenaBytes: 65_536 })
    const command = fc.oneof(fc.record({ take: fc.integer({ min: 1, max: 5_000 }) }), fc.record({ give: fc.nat() }))
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
        const live: Uint8Array[] = []
        for (const [index, step] of commands.entries()) {
          if ("take" in step) {
            const bytes = memory.allocate(step.take)
            expect(bytes.length).toBe(step.take)
            expect(bytes.every((byte) => byte === 0)).toBe(true)
            live.push(bytes.fill((index % 255) + 1))
          } else if (live.length > 0) {
            const [bytes] = live.splice(step.give % live.length, 1)
            if (bytes === undefined) continue
            // Nobody else wrote to it while it was out.
            expect(new Set(bytes).size).toBe(1)
            memory.release(bytes.fill(0))
          }
        }
        for (const bytes of live) memory.release(bytes.fill(0))
      }),
      { numRuns: 50 },
    )
  })

  test("falls back to plain memory when full, warning once", () => {
    const warnings: SecretMemoryWarning[] = []
    const memory = lockedSecretMemory({ arenaBytes: 4_096, warn: (code) => warnings.push(code) })
    const taken = Array.from({ length: 200 }, () => memory.allocate(32))
    expect(new Set(taken.map((bytes) => bytes.buffer)).size).toBe(1 + 200 - 4_096 / 32)
    expect(warnings.filter((code) => code === "SECRET_MEMORY_FULL")).toHaveLength(1)
    for (const bytes of taken) memory.release(bytes)
    const again = Array.from({ length: 128 }, () => memory.allocate(32))
    expect(new Set(again.map((bytes) => bytes.buffer)).size).toBe(1)
  })

  test("refuses to take a slot back twice", () => {
    const memory = lockedSecretMemory({ arenaBytes: 4_096 })
    const bytes = memory.allocate(32)
    memory.release(bytes)
    expect(() => memory.release(bytes)).toThrow(TypeError)
  })

  test("wipes a secret's slot on disposal", () => {
    const memory = lockedSecretMemory({ arenaBytes: 4_096 })
    installSecretMemory(memory)
    const secret = Secret.take(new Uint8Array(32).fill(0xee))
    const seen = secret.expose((bytes) => bytes)
    secret[Symbol.dispose]()
    expect(seen).toEqual(new Uint8Array(32))
  })

  test("survives a thousand secrets at once and ten thousand in turn", () => {
    installSecretMemory(lockedSecretMemory())
    const held = Array.from({ length: 1_000 }, (_, index) => Secret.take(new Uint8Array(32).fill(index & 255)))
    for (let index = 0; index < 10_000; index++) Secret.take(new Uint8Array(64).fill(1))[Symbol.dispose]()
    for (const [index, secret] of held.entries()) expect(secret.expose((bytes) => bytes[31])).toBe(index & 255)
    for (const secret of held) secret[Symbol.dispose]()
  })

  test("leaks nothing through printing, serialising or cloning", () => {
    installSecretMemory(lockedSecretMemory({ arenaBytes: 4_096 }))
    using secret = Secret.take(new Uint8Array(32).fill(0xab))
    const shown = [
      String(secret),
      JSON.stringify({ secret }),
      inspect(secret, { showHidden: true, depth: 9 }),
      inspect(structuredClone(secret)),
      inspect({ ...secret }),
    ]
    expect(shown.join(" ")).not.toMatch(/171|ab/i)
  })
})
