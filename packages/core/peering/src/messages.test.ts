import { decodeCanonical, encodeCanonical, unwrap, type CborValue, type Result } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decodeJoinAnswer, decodeJoinRequest, encodeJoinAnswer, encodeJoinRequest } from "./join-messages.ts"
import { decodeLedgerAnswer, decodeLedgerRequest, encodeLedgerAnswer, encodeLedgerRequest } from "./ledger-messages.ts"
import { decodeMoveAnswer, decodeMoveRequest, encodeMoveAnswer, encodeMoveRequest } from "./move-messages.ts"
import { decodeChainAnswer, decodeChainRequest, encodeChainAnswer, encodeChainRequest } from "./chain-messages.ts"
import {
  decodeMeetingAnswer,
  decodeMeetingBody,
  decodeMeetingRequest,
  encodeMeetingAnswer,
  encodeMeetingBody,
  encodeMeetingRequest,
} from "./meeting/meeting-messages.ts"
import {
  anyChainAnswer,
  anyChainRequest,
  anyJoinAnswer,
  anyJoinRequest,
  anyMoveAnswer,
  anyMoveRequest,
  anyLedgerAnswer,
  anyLedgerRequest,
  anyMeetingAnswer,
  anyMeetingBody,
  anyMeetingRequest,
  anyPieceAnswer,
  anyPieceRequest,
  anyProxyAnswer,
  anyProxyRequest,
  strangeValues,
} from "./messages-kit.contract.ts"
import { decodePieceAnswer, encodePieceAnswer } from "./pieces/piece-answers.ts"
import { decodePieceRequest, encodePieceRequest } from "./pieces/piece-requests.ts"
import { decodeProxyAnswer, decodeProxyRequest, encodeProxyAnswer, encodeProxyRequest } from "./proxy-messages.ts"

/** One direction of one protocol, with the types of its messages forgotten. */
interface Codec {
  readonly name: string
  readonly code: string
  readonly maxBytes: number
  /** Any message, encoded. */
  readonly encoded: fc.Arbitrary<Uint8Array>
  decode(bytes: Uint8Array): Result<unknown>
  /** Encodes what was decoded from `bytes` again. */
  again(bytes: Uint8Array): Uint8Array
}

const codecs: readonly Codec[] = [
  {
    name: "proxy request",
    code: "PROXY_REQUEST_INVALID",
    maxBytes: 131_072,
    encoded: anyProxyRequest.map(encodeProxyRequest),
    decode: decodeProxyRequest,
    again: (bytes) => encodeProxyRequest(unwrap(decodeProxyRequest(bytes))),
  },
  {
    name: "proxy answer",
    code: "PROXY_ANSWER_INVALID",
    maxBytes: 131_072,
    encoded: anyProxyAnswer.map(encodeProxyAnswer),
    decode: decodeProxyAnswer,
    again: (bytes) => encodeProxyAnswer(unwrap(decodeProxyAnswer(bytes))),
  },
  {
    name: "ledger request",
    code: "LEDGER_REQUEST_INVALID",
    maxBytes: 1_048_576,
    encoded: anyLedgerRequest.map(encodeLedgerRequest),
    decode: decodeLedgerRequest,
    again: (bytes) => encodeLedgerRequest(unwrap(decodeLedgerRequest(bytes))),
  },
  {
    name: "ledger answer",
    code: "LEDGER_ANSWER_INVALID",
    maxBytes: 1_048_576,
    encoded: anyLedgerAnswer.map(encodeLedgerAnswer),
    decode: decodeLedgerAnswer,
    again: (bytes) => encodeLedgerAnswer(unwrap(decodeLedgerAnswer(bytes))),
  },
  {
    name: "request to join",
    code: "JOIN_MESSAGE_INVALID",
    maxBytes: 1_048_576,
    encoded: anyJoinRequest.map(encodeJoinRequest),
    decode: decodeJoinRequest,
    again: (bytes) => encodeJoinRequest(unwrap(decodeJoinRequest(bytes))),
  },
  {
    name: "answer to who wants to join",
    code: "JOIN_MESSAGE_INVALID",
    maxBytes: 1_048_576,
    encoded: anyJoinAnswer.map(encodeJoinAnswer),
    decode: decodeJoinAnswer,
    again: (bytes) => encodeJoinAnswer(unwrap(decodeJoinAnswer(bytes))),
  },
  {
    name: "body of a meeting's message",
    code: "MEETING_MESSAGE_INVALID",
    maxBytes: 1_048_576,
    encoded: anyMeetingBody.map(encodeMeetingBody),
    decode: decodeMeetingBody,
    again: (bytes) => encodeMeetingBody(unwrap(decodeMeetingBody(bytes))),
  },
  {
    name: "meeting request",
    code: "MEETING_MESSAGE_INVALID",
    maxBytes: 1_048_576,
    encoded: anyMeetingRequest.map(encodeMeetingRequest),
    decode: decodeMeetingRequest,
    again: (bytes) => encodeMeetingRequest(unwrap(decodeMeetingRequest(bytes))),
  },
  {
    name: "meeting answer",
    code: "MEETING_MESSAGE_INVALID",
    maxBytes: 1_048_576,
    encoded: anyMeetingAnswer.map(encodeMeetingAnswer),
    decode: decodeMeetingAnswer,
    again: (bytes) => encodeMeetingAnswer(unwrap(decodeMeetingAnswer(bytes))),
  },
  {
    name: "chain request",
    code: "CHAIN_MESSAGE_INVALID",
    maxBytes: 1_048_576,
    encoded: anyChainRequest.map(encodeChainRequest),
    decode: decodeChainRequest,
    again: (bytes) => encodeChainRequest(unwrap(decodeChainRequest(bytes))),
  },
  {
    name: "chain answer",
    code: "CHAIN_MESSAGE_INVALID",
    maxBytes: 1_048_576,
    encoded: anyChainAnswer.map(encodeChainAnswer),
    decode: decodeChainAnswer,
    again: (bytes) => encodeChainAnswer(unwrap(decodeChainAnswer(bytes))),
  },
  {
    name: "move request",
    code: "MOVE_MESSAGE_INVALID",
    maxBytes: 8_192,
    encoded: anyMoveRequest.map(encodeMoveRequest),
    decode: decodeMoveRequest,
    again: (bytes) => encodeMoveRequest(unwrap(decodeMoveRequest(bytes))),
  },
  {
    name: "move answer",
    code: "MOVE_MESSAGE_INVALID",
    maxBytes: 8_192,
    encoded: anyMoveAnswer.map(encodeMoveAnswer),
    decode: decodeMoveAnswer,
    again: (bytes) => encodeMoveAnswer(unwrap(decodeMoveAnswer(bytes))),
  },
  {
    name: "piece request",
    code: "PIECES_MESSAGE_INVALID",
    maxBytes: 1_048_576,
    encoded: anyPieceRequest.map(encodePieceRequest),
    decode: decodePieceRequest,
    again: (bytes) => encodePieceRequest(unwrap(decodePieceRequest(bytes))),
  },
  {
    name: "piece answer",
    code: "PIECES_MESSAGE_INVALID",
    maxBytes: 1_048_576,
    encoded: anyPieceAnswer.map(encodePieceAnswer),
    decode: decodePieceAnswer,
    again: (bytes) => encodePieceAnswer(unwrap(decodePieceAnswer(bytes))),
  },
]

test("what was encoded is decoded to the same value", () => {
  const isSame = <T extends object>(values: fc.Arbitrary<T>, roundTrip: (value: T) => unknown): void =>
    fc.assert(
      fc.property(values, (value) => {
        expect(roundTrip(value)).toMatchObject({ ...value })
      }),
    )
  isSame(anyProxyRequest, (value) => unwrap(decodeProxyRequest(encodeProxyRequest(value))))
  isSame(anyProxyAnswer, (value) => unwrap(decodeProxyAnswer(encodeProxyAnswer(value))))
  isSame(anyLedgerRequest, (value) => unwrap(decodeLedgerRequest(encodeLedgerRequest(value))))
  isSame(anyLedgerAnswer, (value) => unwrap(decodeLedgerAnswer(encodeLedgerAnswer(value))))
  isSame(anyPieceRequest, (value) => unwrap(decodePieceRequest(encodePieceRequest(value))))
  isSame(anyPieceAnswer, (value) => unwrap(decodePieceAnswer(encodePieceAnswer(value))))
})

test("a refusal's message travels cut and printable, and is refused otherwise", () => {
  const hostile = `a\n\u001b[31m\u009b${"x".repeat(5_000)}`
  const sent = unwrap(decodeProxyAnswer(encodeProxyAnswer({ kind: "refused", code: "NOT_OWNER", message: hostile })))
  expect(sent).toEqual({ kind: "refused", code: "NOT_OWNER", message: `a  [31m ${"x".repeat(1_024 - 8)}` })
  for (const message of ["\u001b[2J", "\n", "\u009b", "x".repeat(1_025)]) {
    expect(decodeProxyAnswer(encodeCanonical({ v: 1, kind: "refused", code: "NOT_OWNER", message })).ok).toBe(false)
    expect(decodeLedgerAnswer(encodeCanonical({ v: 1, kind: "refused", code: "LEDGER_FULL", message })).ok).toBe(false)
  }
})

describe.each(codecs)("$name", ({ code, maxBytes, encoded, decode, again }) => {
  const isRefused = (bytes: Uint8Array): void => expect(decode(bytes)).toMatchObject({ ok: false, code })

  test("has one encoding", () => {
    fc.assert(
      fc.property(encoded, (bytes) => {
        expect(Buffer.from(again(bytes))).toEqual(Buffer.from(bytes))
      }),
    )
  })

  test("is refused at every truncation and with anything after it", () => {
    fc.assert(
      fc.property(encoded, fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes, tail) => {
        const step = Math.max(1, Math.floor(bytes.length / 400))
        for (let length = 0; length < bytes.length; length += step) isRefused(bytes.subarray(0, length))
        isRefused(bytes.subarray(0, bytes.length - 1))
        isRefused(Buffer.concat([bytes, tail]))
      }),
      { numRuns: 10 },
    )
  })

  test("is refused with any field gone, of another type, or one too many", () => {
    fc.assert(
      fc.property(encoded, (bytes) => {
        for (const mutant of mutantsOf(unwrap(decodeCanonical(bytes, maxBytes)))) isRefused(encodeCanonical(mutant))
      }),
      { numRuns: 10 },
    )
  })

  test("is refused when it is too long, before it is parsed", () => {
    isRefused(encodeCanonical({ v: 1, kind: "head", op: "head", message: "x".repeat(maxBytes) }))
    isRefused(new Uint8Array(maxBytes + 1))
  })

  test("is refused in other forms of the same CBOR", () => {
    // The same map {"v": 1, "op"/"kind": …} with the version as a two-byte integer, then with indefinite length.
    const name = code.includes("REQUEST") ? "op" : "kind"
    const field = [0x60 + name.length, ...Buffer.from(name), 0x64, ...Buffer.from("head")]
    isRefused(Uint8Array.of(0xa2, 0x61, 0x76, 0x18, 0x01, ...field))
    isRefused(Uint8Array.of(0xbf, 0x61, 0x76, 0x01, ...field, 0xff))
    isRefused(Uint8Array.of(0xa2, ...field, 0x61, 0x76, 0x01))
  })

  test("never makes the decoder throw, whatever arrives", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => typeof decode(bytes).ok === "boolean"))
    fc.assert(
      fc.property(encoded, fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, position, difference) => {
        const changed = Uint8Array.from(bytes)
        const index = position % changed.length
        changed[index] = (changed[index] ?? 0) ^ difference
        // What is accepted nonetheless (a bit of a key, say) is what its bytes say.
        if (decode(changed).ok) expect(Buffer.from(again(changed))).toEqual(Buffer.from(changed))
      }),
    )
  })
})

/** The same map with one field missing (but the one that may be), replaced or added, at every depth of maps. */
function* mutantsOf(value: CborValue): Generator<CborValue> {
  if (!isMap(value)) return
  yield { ...value, another: 1 }
  for (const [key, field] of Object.entries(value)) {
    const { [key]: _gone, ...rest } = value
    if (key !== "confirmation") yield rest
    for (const strange of strangeValues) if (!isMayBe(key, field, strange)) yield { ...value, [key]: strange }
    for (const mutant of mutantsOf(field)) yield { ...value, [key]: mutant }
  }
}

/** What a field may well be: an empty list, a number, a text, what is encoded once more. */
function isMayBe(key: string, field: CborValue, strange: CborValue): boolean {
  if (Array.isArray(strange)) return strange.length === 0 && ["entries", "fragments", "addresses", "approvals"].includes(key)
  if (strange instanceof Uint8Array) return (key === "body" || key === "bytes") && strange.length > 0
  if (typeof field === "number") return typeof strange === "number" && strange >= 0 && key !== "v" && key !== "limit" && key !== "timeoutMs"
  return key === "message" && strange === ""
}

function isMap(value: CborValue): value is { readonly [key: string]: CborValue } {
  return value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array)
}
