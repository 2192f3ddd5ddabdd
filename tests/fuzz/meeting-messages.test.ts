import { encodeCanonical, type CborValue } from "@keygrove/base"
import { clusterBytes } from "@keygrove/hierarchy"
import {
  decodeChainAnswer,
  decodeChainRequest,
  decodeMeetingAnswer,
  decodeMeetingBody,
  decodeMeetingCode,
  decodeMeetingRequest,
  encodeChainAnswer,
  encodeChainRequest,
  encodeMeetingAnswer,
  encodeMeetingBody,
  encodeMeetingCode,
  encodeMeetingRequest,
} from "@keygrove/peering"
import { encode } from "cborg"
import { expect, test } from "vitest"
import { kitParty } from "../../packages/core/peering/src/meeting/meeting-kit.contract.ts"
import { pick, type Dice } from "./dice.ts"
import { fuzz, FUZZ_TIMEOUT_MS } from "./fuzz.ts"
import { mutateBytes, randomBytesOf } from "./mutate-bytes.ts"
import { mutateTree } from "./mutate-tree.ts"

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)
const { identity } = kitParty("ann")
const { addresses, anchorKey, cluster, generation, head, path, signingKey } = identity
const said = { meeting: bytes(16), body: bytes(90), proof: bytes(32), sig: bytes(64) }
const refused: CborValue = { v: 1, kind: "refused", code: "MEETING_TAKEN", message: "somebody used this code" }

interface Format {
  readonly samples: readonly CborValue[]
  /** What the bytes say, encoded again; `undefined` when they are refused. */
  readonly again: (input: Uint8Array) => Uint8Array | undefined
}

const formats: readonly Format[] = [
  {
    samples: [
      { v: 1, step: "begin", commitment: bytes(32) },
      {
        v: 1,
        step: "reveal",
        nonce: bytes(32),
        identity: { cluster: clusterBytes(cluster), anchorKey, path, generation, signingKey, addresses, head },
      },
      { v: 1, step: "slice", from: 3, entries: [bytes(200), bytes(9)] },
      { v: 1, step: "await", confirmation: bytes(64) },
      { v: 1, step: "taken", length: 3 },
    ],
    again: (input) => {
      const decoded = decodeMeetingBody(input)
      return decoded.ok ? encodeMeetingBody(decoded.value) : undefined
    },
  },
  {
    samples: [
      { v: 1, op: "say", ...said },
      { v: 1, op: "introduce", cluster: bytes(32) },
    ],
    again: (input) => {
      const decoded = decodeMeetingRequest(input)
      return decoded.ok ? encodeMeetingRequest(decoded.value) : undefined
    },
  },
  {
    samples: [{ v: 1, kind: "said", ...said }, { v: 1, kind: "introduced", length: 7 }, refused],
    again: (input) => {
      const decoded = decodeMeetingAnswer(input)
      return decoded.ok ? encodeMeetingAnswer(decoded.value) : undefined
    },
  },
  {
    samples: [{ v: 1, op: "read", cluster: bytes(32), from: 5 }],
    again: (input) => {
      const decoded = decodeChainRequest(input)
      return decoded.ok ? encodeChainRequest(decoded.value) : undefined
    },
  },
  {
    samples: [{ v: 1, kind: "slice", from: 5, entries: [bytes(300)], head: bytes(200) }, refused],
    again: (input) => {
      const decoded = decodeChainAnswer(input)
      return decoded.ok ? encodeChainAnswer(decoded.value) : undefined
    },
  },
]

/** A message that is nearly right, or nothing of the kind. */
function messageOf({ samples }: Format, roll: Dice): Uint8Array {
  if (roll(16) === 0) return randomBytesOf(roll)
  const sample = pick(roll, samples)
  const tree = roll(3) === 0 ? sample : mutateTree(sample, roll)
  const encoded = encode(tree, { float64: false })
  return roll(2) === 0 ? encoded : mutateBytes(encoded, roll)
}

test("every sample is accepted, so that what is tried is nearly right", () => {
  for (const { again, samples } of formats)
    for (const sample of samples) expect(again(encodeCanonical(sample))).toEqual(encodeCanonical(sample))
})

test(
  "what two nodes say about each other is refused, or means what its bytes are",
  async () => {
    await fuzz({
      name: "meetings and key chains",
      share: 3,
      once: (roll) => {
        const format = pick(roll, formats)
        const input = messageOf(format, roll)
        const again = format.again(input)
        if (again !== undefined) expect(Buffer.from(again).equals(input)).toBe(true)
      },
    })
  },
  FUZZ_TIMEOUT_MS,
)

test(
  "a code that somebody mistyped is none, whatever was typed",
  async () => {
    const code = encodeMeetingCode({ cluster, signingKey, addresses, secret: bytes(16) })
    await fuzz({
      name: "codes of meetings",
      share: 1,
      once: (roll) => {
        const typed = Buffer.from(mutateBytes(Buffer.from(code), roll)).toString("latin1")
        const decoded = decodeMeetingCode(typed)
        if (decoded.ok) expect(encodeMeetingCode(decoded.value)).toBe(typed.replaceAll(/\s+/g, "").toLowerCase())
      },
    })
  },
  FUZZ_TIMEOUT_MS,
)
