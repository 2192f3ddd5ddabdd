import { unwrap } from "@keygrove/base"
import { decodeNodePath, MAX_COUNTER, type NodePath } from "@keygrove/hierarchy"
import * as fc from "fast-check"
import { decodeKeyGeneration, decodePieceIndex, MAX_KEY_GENERATION, type KeyGeneration } from "../numbers.ts"
import { MAX_ACCEPTED_DIGESTS, MAX_ATTESTATION_KEY_BYTES, MAX_PCR } from "./limits.ts"
import type { CustodyKind, CustodyStatement } from "./statement.ts"

function bytes(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length })
}

const revision = fc.integer({ min: 1, max: MAX_COUNTER })
const generation: fc.Arbitrary<KeyGeneration> = fc
  .integer({ min: 1, max: MAX_KEY_GENERATION })
  .map((number) => unwrap(decodeKeyGeneration(number)))
const path: fc.Arbitrary<NodePath> = fc
  .array(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/), { minLength: 1, maxLength: 8 })
  .map((names) => unwrap(decodeNodePath(`/${names.join("/")}`)))
const point = fc.tuple(fc.constantFrom(2, 3), bytes(32)).map(([prefix, x]) => Uint8Array.of(prefix, ...x))
const receipts = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 255 }), bytes(64)), { minLength: 2, maxLength: 9, selector: ([index]) => index })
  .map((some) => some.toSorted(([a], [b]) => a - b).map(([index, signature]) => ({ index: unwrap(decodePieceIndex(index)), signature })))
const shown = { generation, commitments: fc.array(point, { minLength: 2, maxLength: 9 }), receipts }
const moved = fc
  .tuple(path, fc.integer({ min: 1, max: MAX_KEY_GENERATION - 1 }), fc.nat(MAX_KEY_GENERATION))
  .map(([owner, from, more]) => ({
    owner,
    from: unwrap(decodeKeyGeneration(from)),
    generation: unwrap(decodeKeyGeneration(Math.min(from + 1 + more, MAX_KEY_GENERATION))),
  }))

const evidence = fc.record({
  family: fc.constant("tpm2" as const),
  attestationKey: fc.uint8Array({ minLength: 1, maxLength: MAX_ATTESTATION_KEY_BYTES }),
  pcrs: fc
    .uniqueArray(fc.integer({ min: 0, max: MAX_PCR }), { minLength: 1, maxLength: MAX_PCR + 1 })
    .map((pcrs) => pcrs.toSorted((a, b) => a - b)),
  digests: fc.uniqueArray(bytes(32), { minLength: 1, maxLength: MAX_ACCEPTED_DIGESTS, selector: String }),
})

const bodies: { readonly [Kind in CustodyKind]: fc.Arbitrary<Extract<CustodyStatement, { kind: Kind }>["body"]> } = {
  "custody-joined": fc.record(
    {
      revision,
      bootSigningKey: bytes(32),
      bootSealingKey: bytes(32),
      unlock: fc.constantFrom("auto", "approve"),
      evidence,
      addresses: fc.array(fc.stringMatching(/^\/[!-~]{1,255}$/), { maxLength: 8 }),
    },
    { requiredKeys: ["revision", "bootSigningKey", "bootSealingKey", "unlock", "addresses"] },
  ),
  "custody-left": fc.record({ revision }),
  "generation-started": fc.record({ generation }),
  "generation-aborted": fc.record({ generation }),
  "pieces-shared": fc.record(shown),
  "redistribution-started": fc.tuple(moved, revision).map(([move, attempt]) => ({ ...move, attempt })),
  "pieces-redistributed": fc.tuple(moved, fc.record(shown)).map(([move, sharing]) => ({ ...sharing, ...move })),
  "pieces-held": fc.record({
    held: fc.uniqueArray(fc.record({ owner: path, generation, sharing: bytes(32) }), {
      minLength: 1,
      maxLength: 9,
      selector: (piece) => `${piece.generation}${piece.owner}`,
    }),
  }),
  "pieces-wiped": fc.record({ upTo: generation }),
}

/** Any well-formed statement about custody. */
export const anyCustodyStatement: fc.Arbitrary<CustodyStatement> = fc.oneof(
  bodies["custody-joined"].map((body) => ({ kind: "custody-joined" as const, body })),
  bodies["custody-left"].map((body) => ({ kind: "custody-left" as const, body })),
  bodies["generation-started"].map((body) => ({ kind: "generation-started" as const, body })),
  bodies["generation-aborted"].map((body) => ({ kind: "generation-aborted" as const, body })),
  bodies["pieces-shared"].map((body) => ({ kind: "pieces-shared" as const, body })),
  bodies["redistribution-started"].map((body) => ({ kind: "redistribution-started" as const, body })),
  bodies["pieces-redistributed"].map((body) => ({ kind: "pieces-redistributed" as const, body })),
  bodies["pieces-held"].map((body) => ({ kind: "pieces-held" as const, body })),
  bodies["pieces-wiped"].map((body) => ({ kind: "pieces-wiped" as const, body })),
)
