import { fromHex, ok, refuse, toHex, type Brand, type Result } from "@keygrove/base"

/** Path of a node in its cluster: `/laptop` or `/laptop/phone`; `/` is the root key itself. Segments: 1–32 of a-z 0-9 -, not starting or ending with `-`; depth ≤ 8. */
export type NodePath = Brand<string, "NodePath">
/** One segment of a {@link NodePath}. */
export type NodeName = Brand<string, "NodeName">
/** Counter the parent bumps to replace a child's node secret; from 1. */
export type Generation = Brand<number, "Generation">
/** Counter the node bumps to rekey itself; from 1. */
export type Epoch = Brand<number, "Epoch">
/** SHA-256 fingerprint of a cluster's root public key: 64 lower-case hex digits. */
export type ClusterId = Brand<string, "ClusterId">
/** Milliseconds since 1970 UTC, a safe integer. */
export type Timestamp = Brand<number, "Timestamp">

/** Codes of the checking constructors. */
export type NameRefusal = "PATH_INVALID" | "GENERATION_INVALID" | "EPOCH_INVALID" | "CLUSTER_INVALID" | "TIMESTAMP_INVALID"

/** Deepest path: `/a/b/c/d/e/f/g/h`. */
export const MAX_PATH_DEPTH = 8
/** Highest generation and epoch. */
export const MAX_COUNTER = 0xffff_ffff

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/

/** Checks one path segment. */
export function decodeNodeName(value: unknown): Result<NodeName, "PATH_INVALID"> {
  if (typeof value === "string" && NAME.test(value)) return ok(value as NodeName)
  return refuse("PATH_INVALID", "a node name is 1 to 32 characters of a-z, 0-9 and -, not starting or ending with -")
}

/** Checks a path; the one grammar for paths everywhere. */
export function decodeNodePath(value: unknown): Result<NodePath, "PATH_INVALID"> {
  if (typeof value !== "string" || !value.startsWith("/"))
    return refuse("PATH_INVALID", "a node path starts with /, for example /laptop/phone")
  if (value === "/") return ok(value as NodePath)
  // Long input is refused before it is split: 8 names of 32 characters with their slashes.
  if (value.length > MAX_PATH_DEPTH * 33)
    return refuse("PATH_INVALID", `node path has ${value.length} characters; at most ${MAX_PATH_DEPTH * 33} are allowed`)
  const names = value.slice(1).split("/")
  if (names.length > MAX_PATH_DEPTH)
    return refuse("PATH_INVALID", `node path has ${names.length} names; at most ${MAX_PATH_DEPTH} are allowed`)
  for (const name of names) {
    const checked = decodeNodeName(name)
    if (!checked.ok) return checked
  }
  return ok(value as NodePath)
}

/** Checks a generation. */
export function decodeGeneration(value: unknown): Result<Generation, "GENERATION_INVALID"> {
  return isCounter(value) ? ok(value as Generation) : refuse("GENERATION_INVALID", `a generation is an integer from 1 to ${MAX_COUNTER}`)
}

/** Checks an epoch. */
export function decodeEpoch(value: unknown): Result<Epoch, "EPOCH_INVALID"> {
  return isCounter(value) ? ok(value as Epoch) : refuse("EPOCH_INVALID", `an epoch is an integer from 1 to ${MAX_COUNTER}`)
}

/** Checks a cluster's fingerprint in its text form. */
export function decodeClusterId(value: unknown): Result<ClusterId, "CLUSTER_INVALID"> {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return ok(value as ClusterId)
  return refuse("CLUSTER_INVALID", "a cluster id is 64 lower-case hex digits")
}

/** A cluster's fingerprint from its 32-byte form, which statements and identities carry. */
export function decodeClusterBytes(value: unknown): Result<ClusterId, "CLUSTER_INVALID"> {
  if (value instanceof Uint8Array && value.length === 32) return ok(toHex(value) as ClusterId)
  return refuse("CLUSTER_INVALID", "a cluster id has 32 bytes")
}

/** The 32-byte form of a cluster's fingerprint. */
export function clusterBytes(cluster: ClusterId): Uint8Array {
  const bytes = fromHex(cluster)
  if (!bytes.ok) throw new TypeError("a ClusterId is always hex")
  return bytes.value
}

/** Checks a time in milliseconds since 1970 UTC. */
export function decodeTimestamp(value: unknown): Result<Timestamp, "TIMESTAMP_INVALID"> {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return ok(value as Timestamp)
  return refuse("TIMESTAMP_INVALID", "a time is a number of milliseconds since 1970 UTC, a safe integer not below 0")
}

function isCounter(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= MAX_COUNTER
}
