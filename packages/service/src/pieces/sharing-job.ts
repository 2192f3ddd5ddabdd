import { brandShape, bytesShape, bytesWithinShape, checkShape, ok, type CborValue, type Result } from "@keygrove/base"
import { clusterBytes, compressedPointShape, decodeClusterBytes, type ClusterId } from "@keygrove/hierarchy"
import { decodeKeyGeneration, decodePieceIndex, type KeyGeneration } from "@keygrove/pieces"
import { MAX_SEALED_PIECE_BYTES } from "@keygrove/peering"
import * as v from "valibot"
import type { CallOptions } from "../ports/call-options.ts"
import type { SealedPiece } from "../ports/piece-keys.ts"
import type { Storage, StorageChange, StorageRefusal } from "../ports/storage.ts"

/**
 * This node's own sharing in a key generation, from before its first offer until every holder has its piece or the generation is over. It is made once: there is never a second polynomial
 * in one generation, so pieces of two can not mix.
 */
export interface SharingJob {
  readonly cluster: ClusterId
  readonly generation: KeyGeneration
  /** This node's signing key when it sealed the pieces, 32 bytes. */
  readonly sender: Uint8Array
  readonly commitments: readonly Uint8Array[]
  readonly pieces: readonly SealedPiece[]
}

const shape = v.strictObject({
  cluster: brandShape(decodeClusterBytes),
  generation: brandShape(decodeKeyGeneration),
  sender: bytesShape(32),
  commitments: v.array(compressedPointShape()),
  pieces: v.array(v.strictObject({ index: brandShape(decodePieceIndex), sealed: bytesWithinShape(1, MAX_SEALED_PIECE_BYTES) })),
})
/** Generations that are open at a time are few: those before the current one retire. */
const MAX_JOBS = 256

/** Makes the job durable. */
export async function saveSharingJob(storage: Storage, job: SharingJob, options: CallOptions): Promise<Result<true, StorageRefusal>> {
  return await storage.write([{ kind: "put", collection: "sharing-job", key: keyOf(job), value: valueOf(job) }], options)
}

/** Ends jobs durably. */
export async function removeSharingJobs(
  storage: Storage,
  jobs: readonly SharingJob[],
  options: CallOptions,
): Promise<Result<true, StorageRefusal>> {
  const changes = jobs.map((job): StorageChange => ({ kind: "remove", collection: "sharing-job", key: keyOf(job) }))
  return changes.length === 0 ? ok(true) : await storage.write(changes, options)
}

/** Jobs that are not at their end, those of older generations first. */
export async function listSharingJobs(storage: Storage, options: CallOptions): Promise<Result<readonly SharingJob[]>> {
  const page = await storage.list("sharing-job", { limit: MAX_JOBS }, options)
  if (!page.ok) return page
  const jobs: SharingJob[] = []
  for (const { value } of page.value) {
    const checked = checkShape(value, { shape, code: "STORAGE_CORRUPT", noun: "sharing job" })
    if (!checked.ok) return checked
    jobs.push(checked.value)
  }
  return ok(jobs)
}

function keyOf({ cluster, generation }: SharingJob): string {
  return `${cluster.slice(0, 16)}/${generation.toString(16).padStart(8, "0")}`
}

function valueOf({ cluster, commitments, generation, pieces, sender }: SharingJob): CborValue {
  return { cluster: clusterBytes(cluster), generation, sender, commitments, pieces: pieces.map(({ index, sealed }) => ({ index, sealed })) }
}
