import { concatBytes, toHex } from "@keygrove/base"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  AgentMessageReader,
  decodeAgentRequest,
  encodeAgentAnswer,
  MAX_AGENT_IDENTITIES,
  MAX_AGENT_MESSAGE_BYTES,
  type AgentRequest,
} from "./agent-codec.ts"
import { extension, framed, signRequest } from "./raw-client.fixture.ts"
import { mpint, SshReader, sshString, uint32 } from "./ssh-data.ts"

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"))

describe("the data types of ssh", () => {
  // RFC 4251 §5; negative numbers are not needed.
  test.each([
    ["00", "00000000"],
    ["09a378f9b2e332a7", "0000000809a378f9b2e332a7"],
    ["80", "000000020080"],
    ["0000000001", "0000000101"],
  ])("%s as an mpint", (magnitude, encoded) => expect(toHex(mpint(bytes(magnitude)))).toBe(encoded))

  test("what is written is read", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(0xff_ff_ff_ff), (magnitude, number) => {
        const reader = new SshReader(concatBytes(sshString(magnitude), uint32(number), mpint(magnitude)))
        expect(reader.string()).toEqual(magnitude)
        expect(reader.uint32()).toBe(number)
        const significant = magnitude.subarray(magnitude.findIndex((byte) => byte !== 0))
        if (magnitude.some((byte) => byte !== 0)) expect(reader.positiveInteger()).toEqual(significant)
        else expect(reader.positiveInteger()).toBeUndefined()
        expect(reader.isAtEnd).toBe(true)
      }),
    )
  })

  test.each([
    ["a length beyond the end", "00000002aa"],
    ["a length of 4 GiB", "ffffffff00"],
    ["half a length", "0000"],
  ])("%s is no string", (_what, encoded) => expect(new SshReader(bytes(encoded)).string()).toBeUndefined())

  test.each(["00000000", "0000000180", "000000020001", "0000000100", "00000003000080"])(
    "%s is no positive integer in its shortest form",
    (encoded) => {
      expect(new SshReader(bytes(encoded)).positiveInteger()).toBeUndefined()
    },
  )
})

describe("requests", () => {
  const key = sshString("ssh-ed25519")
  const data = Uint8Array.of(1, 2, 3)

  test.each<readonly [string, Uint8Array, object]>([
    ["identities", Uint8Array.of(11), { kind: "identities" }],
    ["a signature", signRequest(key, data), { kind: "sign", key, data, hasUnknownFlags: false }],
    ["a signature with the flags of RSA", signRequest(key, data, 6), { kind: "sign", hasUnknownFlags: false }],
    ["a signature with unknown flags", signRequest(key, data, 0x80_00_00_00), { kind: "sign", hasUnknownFlags: true }],
    ["an extension", extension("query"), { kind: "extension", name: "query" }],
    ["identities of the first protocol", Uint8Array.of(1), { kind: "unsupported", number: 1 }],
    ["nothing", new Uint8Array(0), { kind: "malformed" }],
    ["identities with more", Uint8Array.of(11, 0), { kind: "malformed" }],
    ["a signature with more", concatBytes(signRequest(key, data), Uint8Array.of(0)), { kind: "malformed" }],
    ["a signature without flags", signRequest(key, data).subarray(0, -4), { kind: "malformed" }],
    ["an extension without a name", extension(""), { kind: "malformed" }],
    ["an extension with a name of control characters", extension("que\nry"), { kind: "malformed" }],
    ["an extension with a long name", extension("q".repeat(65)), { kind: "malformed" }],
  ])("%s", (_what, message, request) => expect(decodeAgentRequest(message)).toMatchObject(request))

  test("every number but three is unsupported, and no bytes throw", () => {
    for (let number = 0; number < 256; number++)
      if (![11, 13, 27].includes(number)) expect(decodeAgentRequest(Uint8Array.of(number, 9))).toEqual({ kind: "unsupported", number })
    const kinds: readonly AgentRequest["kind"][] = ["identities", "sign", "extension", "unsupported", "malformed"]
    const message = fc.tuple(fc.constantFrom(11, 13, 27, 5), fc.uint8Array({ maxLength: 60 }))
    fc.assert(
      fc.property(message, ([number, rest]) => {
        expect(kinds).toContain(decodeAgentRequest(Uint8Array.of(number, ...rest)).kind)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe("answers", () => {
  test.each([
    [{ kind: "failure" }, "0000000105"],
    [{ kind: "success" }, "0000000106"],
    [{ kind: "extension-failure" }, "000000011c"],
    [{ kind: "signature", blob: Uint8Array.of(7) }, "000000060e0000000107"],
    [{ kind: "extensions", names: ["query"] }, "000000131d000000057175657279000000057175657279"],
    [{ kind: "identities", identities: [] }, "000000050c00000000"],
    [{ kind: "identities", identities: [{ blob: Uint8Array.of(7), comment: "a" }] }, "0000000f0c0000000100000001070000000161"],
  ] as const)("%o", (answer, encoded) => expect(toHex(encodeAgentAnswer(answer))).toBe(encoded))

  test("as many identities as can be fit a message", () => {
    // The longest blob, of p256, and the longest id.
    const identity = { blob: new Uint8Array(104), comment: "k".repeat(128) }
    const encoded = encodeAgentAnswer({ kind: "identities", identities: Array.from({ length: 2_000 }, () => identity) })
    expect(encoded.length).toBeLessThanOrEqual(4 + MAX_AGENT_MESSAGE_BYTES)
    expect(new SshReader(encoded.subarray(5)).uint32()).toBe(MAX_AGENT_IDENTITIES)
  })
})

describe("messages in a stream", () => {
  const cut = (stream: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] | "length refused" => {
    const reader = new AgentMessageReader()
    const messages: Uint8Array[] = []
    for (let [at, turn] = [0, 0]; at < stream.length; turn++) {
      const piece = stream.subarray(at, at + (sizes[turn % sizes.length] ?? 1))
      const taken = reader.take(piece)
      if (taken === "length refused") return taken
      if (taken.message !== undefined) messages.push(taken.message)
      at += taken.used
    }
    expect(reader.isWithinMessage).toBe(false)
    return messages
  }

  test("are the same whatever pieces they come in", () => {
    const message = fc.uint8Array({ minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (messages, sizes) => {
        expect(cut(concatBytes(...messages.map(framed)), sizes)).toEqual(messages)
      }),
    )
  })

  test("of 1 to 262144 bytes are taken, others refused before there is memory for them", () => {
    expect(cut(framed(new Uint8Array(MAX_AGENT_MESSAGE_BYTES)), [65_536])).toEqual([new Uint8Array(MAX_AGENT_MESSAGE_BYTES)])
    for (const length of [0, MAX_AGENT_MESSAGE_BYTES + 1, 0x80_00_00_00, 0xff_ff_ff_ff])
      expect(cut(uint32(length), [3])).toBe("length refused")
  })
})
