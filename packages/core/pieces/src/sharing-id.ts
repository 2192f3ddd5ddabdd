import { encodeInfo, type Primitives } from "@keygrove/crypto"
import { clusterBytes, type NodeReference } from "@keygrove/hierarchy"
import type { KeyGeneration } from "./numbers.ts"

/** What a sharing is known by: whose, in which key generation, and the commitments to its polynomial, 33 bytes each, as many as pieces are needed. */
export interface IdentifiedSharing {
  readonly owner: NodeReference
  readonly generation: KeyGeneration
  readonly commitments: readonly Uint8Array[]
}

/**
 * The id of a sharing, 32 bytes: SHA-256 of info("keygrove/v1/sharing", cluster, owner, generation, threshold, commitments). All that is said of its pieces names it, so pieces of
 * two sharings never mix.
 */
export function sharingIdOf(primitives: Pick<Primitives, "sha256">, { commitments, generation, owner }: IdentifiedSharing): Uint8Array {
  return primitives.sha256(
    encodeInfo(["keygrove/v1/sharing", clusterBytes(owner.cluster), owner.path, generation, commitments.length, commitments]),
  )
}
