import { decodeCanonical, encodeCanonical, unwrap, type CborValue } from "@keygrove/base"
import {
  decodeCustodyState,
  decodeCustodyStatement,
  encodeCustodyState,
  encodeCustodyStatement,
  MAX_CUSTODY_STATE_BYTES,
  type CustodyKind,
} from "@keygrove/pieces"
import { encode } from "cborg"
import { expect, test } from "vitest"
import { KitCustody } from "../../packages/core/ledger/src/custody-kit.contract.ts"
import { pick, type Dice } from "./dice.ts"
import { fuzz, FUZZ_TIMEOUT_MS } from "./fuzz.ts"
import { mutateBytes, randomBytesOf } from "./mutate-bytes.ts"
import { mutateTree } from "./mutate-tree.ts"

const bytes = (length: number, value = 7): Uint8Array => new Uint8Array(length).fill(value)
const commitments = [Uint8Array.of(2, ...bytes(32)), Uint8Array.of(3, ...bytes(32, 9))]
const receipts = [
  { index: 1, signature: bytes(64) },
  { index: 3, signature: bytes(64, 8) },
]
const [owner, generation, from] = ["/laptop/phone", 4, 3]
const evidence = { family: "tpm2", attestationKey: bytes(118), pcrs: [0, 2, 4, 7], digests: [bytes(32), bytes(32, 8)] }

const bodies: readonly (readonly [CustodyKind, CborValue])[] = [
  [
    "custody-joined",
    { revision: 1, bootSigningKey: bytes(32), bootSealingKey: bytes(32, 8), unlock: "auto", addresses: ["/ip4/192.0.2.7/tcp/7410"] },
  ],
  ["custody-joined", { revision: 2, bootSigningKey: bytes(32), bootSealingKey: bytes(32, 8), unlock: "approve", evidence, addresses: [] }],
  ["custody-left", { revision: 2 }],
  ["generation-started", { generation }],
  ["generation-aborted", { generation }],
  ["pieces-shared", { generation, commitments, receipts }],
  ["redistribution-started", { owner, generation, from, attempt: 1 }],
  ["pieces-redistributed", { owner, generation, from, commitments, receipts }],
  ["pieces-held", { held: [{ owner, generation, sharing: bytes(32) }] }],
  ["pieces-wiped", { upTo: from }],
]

/** Five members, two generations, one member moved to the second and another about to be. */
function lived(): CborValue {
  const kit = new KitCustody("fuzz", 5)
  kit.complete()
  kit.complete(3)
  kit.beginMove(kit.node(1), kit.node(4), [1, 2])
  kit.endMove(kit.node(1), kit.node(4), [1, 2])
  kit.beginMove(kit.node(2), kit.node(5), [1, 2])
  kit.join(kit.node(3), { evidence: { family: "tpm2", attestationKey: bytes(118), pcrs: [0, 7], digests: [bytes(32)] } })
  return unwrap(decodeCanonical(encodeCustodyState(kit.custody), MAX_CUSTODY_STATE_BYTES))
}
const state = lived()

/** What is nearly right, or nothing of the kind. */
function inputOf(sample: CborValue, roll: Dice): Uint8Array {
  if (roll(16) === 0) return randomBytesOf(roll)
  const encoded = encode(roll(3) === 0 ? sample : mutateTree(sample, roll), { float64: false })
  return roll(2) === 0 ? encoded : mutateBytes(encoded, roll)
}

test("the samples are accepted, so that what is tried is nearly right", () => {
  for (const [kind, body] of bodies) expect(decodeCustodyStatement(kind, encodeCanonical(body)), kind).toMatchObject({ ok: true })
  expect(decodeCustodyState(encodeCanonical(state))).toMatchObject({ ok: true })
})

test(
  "a statement about custody is refused, or means what its bytes are",
  async () =>
    await fuzz({
      name: "statements about custody",
      share: 1,
      cost: 2,
      once(roll) {
        const [kind, body] = pick(roll, bodies)
        const input = inputOf(body, roll)
        const decoded = decodeCustodyStatement(kind, input)
        if (decoded.ok) expect(Buffer.from(encodeCustodyStatement(decoded.value)).equals(input)).toBe(true)
      },
    }),
  FUZZ_TIMEOUT_MS,
)

test(
  "the state of custody in a snapshot is refused, or means what its bytes are",
  async () =>
    await fuzz({
      name: "states of custody",
      share: 1,
      cost: 10,
      once(roll) {
        const input = inputOf(state, roll)
        const decoded = decodeCustodyState(input)
        if (decoded.ok) expect(Buffer.from(encodeCustodyState(decoded.value)).equals(input)).toBe(true)
      },
    }),
  FUZZ_TIMEOUT_MS,
)
