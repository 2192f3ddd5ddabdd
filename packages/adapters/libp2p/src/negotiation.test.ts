import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Negotiation, type NegotiationState } from "./negotiation.ts"

const SETTLING = ["/noise", "na"]
const line = (text: string): Uint8Array => Buffer.concat([Uint8Array.of(text.length + 1), Buffer.from(`${text}\n`)])
const stateAfter = (...chunks: readonly Uint8Array[]): NegotiationState => {
  const negotiation = new Negotiation(SETTLING)
  return chunks.reduce<NegotiationState>((_before, chunk) => negotiation.push(chunk), "going on")
}
const greeting = line("/multistream/1.0.0")

/** The twin: looks at everything again, recursively. */
function naive(bytes: Uint8Array, lines = 0): NegotiationState {
  const [length] = bytes
  if (length === undefined) return "going on"
  if (length === 0 || length > 127 || lines === 4) return "broken"
  if (bytes.length <= length) return "going on"
  const text = Buffer.from(bytes.subarray(1, length + 1)).toString("latin1")
  if (!text.endsWith("\n")) return "broken"
  return SETTLING.includes(text.slice(0, -1)) ? "settled" : naive(bytes.subarray(length + 1), lines + 1)
}

describe("a negotiation", () => {
  test("is settled by a protocol that is known, whatever follows", () => {
    expect(stateAfter(greeting, line("/noise"))).toBe("settled")
    expect(stateAfter(greeting, line("/tls"), line("/noise"))).toBe("settled")
    expect(stateAfter(Buffer.concat([greeting, line("/noise"), Uint8Array.of(0xff, 0)]))).toBe("settled")
    expect(stateAfter(greeting, line("na"))).toBe("settled")
  })

  test("goes on while it may still become one", () => {
    expect(stateAfter()).toBe("going on")
    expect(stateAfter(greeting.subarray(0, 7))).toBe("going on")
    expect(stateAfter(greeting, line("/tls"))).toBe("going on")
    expect(stateAfter(Uint8Array.of(127), new Uint8Array(126))).toBe("going on")
  })

  test.each<[string, Uint8Array]>([
    ["an empty line", Uint8Array.of(0)],
    ["a length of two bytes", Uint8Array.of(0x80, 0x01)],
    ["a length without end", new Uint8Array(200_000).fill(0xff)],
    ["a line without its newline", Uint8Array.of(2, 0x61, 0x61)],
    ["a fifth line", Buffer.concat([1, 2, 3, 4, 5].map((count) => line(`/${count}`)))],
  ])("is broken by %s, and stays so", (_what, bytes) => {
    expect(stateAfter(bytes)).toBe("broken")
    expect(stateAfter(bytes, line("/noise"))).toBe("broken")
  })

  test("is judged as the naive twin does, however it is cut", () => {
    const anyPart = fc.oneof(
      fc.constantFrom(greeting, line("/noise"), line("na"), line("/x"), Uint8Array.of(0)),
      fc.uint8Array({ maxLength: 5 }),
      fc.string({ maxLength: 20, unit: "binary-ascii" }).map(line),
    )
    fc.assert(
      fc.property(fc.array(anyPart, { maxLength: 7 }), fc.integer({ min: 1, max: 9 }), (parts, size) => {
        const bytes = Buffer.concat(parts)
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.subarray(index * size, (index + 1) * size),
        )
        expect(stateAfter(...chunks)).toBe(naive(bytes))
      }),
      { numRuns: 1_000 },
    )
  })
})
