import { brandShape, bytesShape, decodeShape, encodeCanonical, integerShape, ok, refuse, type Result } from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import { clusterBytes, decodeClusterBytes, decodeNodePath } from "@keygrove/hierarchy"
import * as v from "valibot"
import type { Author } from "../entry.ts"
import { decodeLedgerIndex, type LedgerHead } from "../head.ts"
import { MAX_SNAPSHOT_CHUNKS } from "../limits.ts"
import { SNAPSHOT_VERSION } from "./encode-snapshot.ts"

/** What a snapshot is of and what it is made of, signed by the node that took it with its signing key. */
export interface SnapshotHead extends LedgerHead {
  /** How many chunks it has. */
  readonly chunks: number
  /** {@link nextDigest} over all of them, 32 bytes. */
  readonly digest: Uint8Array
  readonly author: Author
  /** Ed25519, 64 bytes, over {@link snapshotHeadSignBytes}. */
  readonly signature: Uint8Array
}

/** Longest encoded form in bytes. */
export const MAX_SNAPSHOT_HEAD_BYTES = 640

const shape = v.strictObject({
  v: v.literal(SNAPSHOT_VERSION),
  length: brandShape(decodeLedgerIndex),
  hash: bytesShape(32),
  chunks: integerShape(1, MAX_SNAPSHOT_CHUNKS),
  digest: bytesShape(32),
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  key: bytesShape(32),
  sig: bytesShape(64),
})

/** The digest before the first chunk; a fresh copy. */
export function emptyDigest(): Uint8Array {
  return new Uint8Array(32)
}

/** The digest after one more chunk: SHA-256(digest ‖ SHA-256(chunk)). */
export function nextDigest(primitives: Pick<Primitives, "sha256">, digest: Uint8Array, chunk: Uint8Array): Uint8Array {
  return primitives.sha256(digest, primitives.sha256(chunk))
}

/** What the author signs: info("keygrove/v1/snapshot", length, hash, chunks, digest, cluster, path, key). */
export function snapshotHeadSignBytes({ author, chunks, digest, hash, length }: Omit<SnapshotHead, "signature">): Uint8Array {
  return encodeInfo(["keygrove/v1/snapshot", length, hash, chunks, digest, clusterBytes(author.cluster), author.path, author.key])
}

/** Canonical CBOR of a head. */
export function encodeSnapshotHead({ author, chunks, digest, hash, length, signature }: SnapshotHead): Uint8Array {
  const { cluster, key, path } = author
  return encodeCanonical({ v: SNAPSHOT_VERSION, length, hash, chunks, digest, cluster: clusterBytes(cluster), path, key, sig: signature })
}

/** Strict inverse of {@link encodeSnapshotHead}, and whether the signature holds; who may sign is for the reader to know. */
export function verifySnapshotHead(primitives: Pick<Primitives, "ed25519">, bytes: Uint8Array): Result<SnapshotHead, "SNAPSHOT_INVALID"> {
  const rules = { shape, maxBytes: MAX_SNAPSHOT_HEAD_BYTES, code: "SNAPSHOT_INVALID", noun: "head of a snapshot" } as const
  const decoded = decodeShape(bytes, rules)
  if (!decoded.ok) return decoded
  const { chunks, cluster, digest, hash, key, length, path, sig } = decoded.value
  const head = { length, hash, chunks, digest, author: { cluster, path, key }, signature: sig }
  if (primitives.ed25519.verify(key, snapshotHeadSignBytes(head), sig)) return ok(head)
  return refuse("SNAPSHOT_INVALID", `head of a snapshot: the signature of ${path} does not hold`)
}
