import { inspect } from "node:util"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { equalConstantTime, Secret, wipeableCopy } from "./secret.ts"

describe("Secret", () => {
  test("takes bytes over and wipes where they were", () => {
    const bytes = Uint8Array.of(1, 2, 3)
    using secret = Secret.take(bytes)
    expect(bytes).toEqual(new Uint8Array(3))
    expect(secret.expose((inner) => [...inner])).toEqual([1, 2, 3])
    expect(secret.length).toBe(3)
  })

  test("a copy of a short one is outside of the heap, so that wiping it leaves nothing behind", () => {
    using secret = Secret.take(Uint8Array.of(1, 2, 3))
    const copy = wipeableCopy(secret)
    const { buffer } = copy
    expect([...new Uint8Array(buffer)]).toEqual([1, 2, 3])
    copy.fill(0)
    expect([new Uint8Array(buffer), secret.expose((inner) => [...inner])]).toEqual([new Uint8Array(3), [1, 2, 3]])
  })

  test("wipes on disposal, once, and gives nothing out afterwards", () => {
    const secret = Secret.take(Uint8Array.of(1, 2, 3))
    const inner = secret.expose((bytes) => bytes)
    secret[Symbol.dispose]()
    secret[Symbol.dispose]()
    expect(inner).toEqual(new Uint8Array(3))
    expect(secret.live).toBe(false)
    expect(() => secret.expose((bytes) => bytes[0])).toThrow(TypeError)
    expect(() => secret.copy()).toThrow(TypeError)
  })

  test("wipes when filling fails", () => {
    const seen: Uint8Array[] = []
    const failing = (): Secret =>
      Secret.fill(4, (target) => {
        seen.push(target.fill(7))
        throw new Error("no entropy")
      })
    expect(failing).toThrow("no entropy")
    expect(seen).toEqual([new Uint8Array(4)])
  })

  test("is not exposed across an await", () => {
    using secret = Secret.take(Uint8Array.of(1))
    expect(() => secret.expose(async (bytes) => Promise.resolve(bytes[0]))).toThrow(TypeError)
  })

  test("has a length of at least one byte", () => {
    for (const length of [0, -1, 1.5, Number.NaN]) expect(() => Secret.fill(length, () => undefined)).toThrow(RangeError)
  })

  test("copies independently", () => {
    const secret = Secret.take(Uint8Array.of(5))
    using copy = secret.copy()
    secret[Symbol.dispose]()
    expect(copy.expose((bytes) => bytes[0])).toBe(5)
  })

  test("prints, serialises and clones as nothing", () => {
    using secret = Secret.take(new Uint8Array(8).fill(0xab))
    const shown = [
      `${secret}`,
      JSON.stringify([secret]),
      inspect({ secret }, { showHidden: true, depth: 9 }),
      inspect(structuredClone(secret)),
      String(Object.entries(secret)),
    ]
    expect(shown.slice(0, 3)).toEqual(["[secret]", '["[secret]"]', "{ secret: [secret] }"])
    expect(shown.join(" ")).not.toMatch(/171|ab/i)
  })

  test("compares as bytes do", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ maxLength: 8 }), (a, b) => {
        expect(equalConstantTime(a, b)).toBe(Buffer.compare(a, b) === 0)
        expect(equalConstantTime(a, Uint8Array.from(a))).toBe(true)
      }),
    )
  })
})
