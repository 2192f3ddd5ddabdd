import { encodeCanonical, type CborValue } from "@keygrove/base"
import { decodeJoinAnswer, decodeJoinRequest, encodeJoinAnswer, encodeJoinRequest, judgeJoin, type JoinRequest } from "@keygrove/peering"
import { encode } from "cborg"
import { expect, test } from "vitest"
import {
  clusterEntry,
  kitChild,
  kitFold,
  kitKey,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  signingName,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"
import { pick, type Dice } from "./dice.ts"
import { fuzz, FUZZ_TIMEOUT_MS } from "./fuzz.ts"
import { mutateBytes, randomBytesOf } from "./mutate-bytes.ts"
import { mutateTree } from "./mutate-tree.ts"

const root = kitRoot("alice")
const laptop = kitChild(root, "/laptop")
const founding = [clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1)]
const request: CborValue = { v: 1, entries: founding }
const answers: readonly CborValue[] = [
  { v: 1, kind: "joined", head: { length: 7, hash: new Uint8Array(32).fill(7) } },
  { v: 1, kind: "refused", code: "JOIN_FOREIGN", message: "a certificate is missing" },
]
const from = kitKey(signingName(laptop, 1))
const known = founding.map((entry) => Buffer.from(entry).toString("hex"))

/** A message that is nearly right, or nothing of the kind. */
function messageOf(sample: CborValue, roll: Dice): Uint8Array {
  if (roll(16) === 0) return randomBytesOf(roll)
  const encoded = encode(roll(3) === 0 ? sample : mutateTree(sample, roll), { float64: false })
  return roll(2) === 0 ? encoded : mutateBytes(encoded, roll)
}

/** Nothing but what its author signed comes on the ledger, and only for a caller who is a node by it. */
function judgeOf({ entries }: JoinRequest): void {
  const ledger = kitFold([]).ledger
  const judged = judgeJoin(kitPrimitives, ledger, { from, entries, admits: () => true })
  if (!judged.ok) return
  expect(judged.value.kind).toBe("append")
  if (judged.value.kind !== "append") return
  for (const entry of judged.value.entries) expect(known).toContain(Buffer.from(entry).toString("hex"))
  expect(judged.value.entries).toHaveLength(founding.length)
}

test("the samples are accepted, so that what is tried is nearly right", () => {
  const decoded = decodeJoinRequest(encodeCanonical(request))
  expect(decoded).toEqual({ ok: true, value: { entries: founding } })
  if (decoded.ok) expect(encodeJoinRequest(decoded.value)).toEqual(encodeCanonical(request))
  for (const answer of answers) {
    const said = decodeJoinAnswer(encodeCanonical(answer))
    expect(said.ok && encodeJoinAnswer(said.value)).toEqual(encodeCanonical(answer))
  }
})

test(
  "what a stranger sends to join is refused, or is what its bytes are and puts on the ledger what was signed",
  async () => {
    await fuzz({
      name: "requests to join",
      share: 1,
      cost: 4,
      once: (roll) => {
        const input = messageOf(request, roll)
        const decoded = decodeJoinRequest(input)
        if (!decoded.ok) return
        expect(Buffer.from(encodeJoinRequest(decoded.value)).equals(input)).toBe(true)
        judgeOf(decoded.value)
      },
    })
  },
  FUZZ_TIMEOUT_MS,
)

test(
  "what a host answers to who joins is refused, or means what its bytes are",
  async () => {
    await fuzz({
      name: "answers to who joins",
      share: 1,
      once: (roll) => {
        const input = messageOf(pick(roll, answers), roll)
        const decoded = decodeJoinAnswer(input)
        if (decoded.ok) expect(Buffer.from(encodeJoinAnswer(decoded.value)).equals(input)).toBe(true)
      },
    })
  },
  FUZZ_TIMEOUT_MS,
)
