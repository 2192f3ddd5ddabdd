import { ok, refuse, unreachable, type Refusal, type Result } from "@keygrove/base"
import type { Timestamp } from "@keygrove/hierarchy"
import type { KeyBackendName } from "./key-backend-name.ts"
import type { KeyId } from "./key-id.ts"
import type { KeyRules } from "./key-rules.ts"
import { keyTypeTraits, type KeyOperation, type KeyType } from "./key-type.ts"

/** `enabled` does everything, `disabled` nothing until it is enabled again, `destroyed` nothing for ever: its secret is gone. */
export type KeyState = "enabled" | "disabled" | "destroyed"

/** One secret in the life of a key. */
export interface KeyVersion {
  /** From 1, without gaps. */
  readonly version: number
  readonly state: KeyState
  readonly createdAt: Timestamp
  /** Empty for symmetric keys. */
  readonly publicKey: Uint8Array
}

/** Where a version's secret came from, as the audit trail tells it. */
export type KeySource = "generated" | "imported" | "derived"

/** Everything public about a named key. */
export interface KeyEntry {
  readonly id: KeyId
  readonly type: KeyType
  /** What holds the secrets of all its versions. */
  readonly backend: KeyBackendName
  readonly source: KeySource
  /** Whether the secret may ever leave; fixed at creation. */
  readonly exportable: boolean
  readonly rules: KeyRules
  /** In order; the last is the current one. Never empty. */
  readonly versions: readonly KeyVersion[]
}

export type KeyEntryRefusal =
  | "KEY_TYPE_MISMATCH"
  | "KEY_DISABLED"
  | "KEY_DESTROYED"
  | "KEY_VERSION_UNKNOWN"
  | "KEY_VERSIONS_FULL"
  | "KEY_OPERATION_UNSUPPORTED"

/** Versions of one key; rotating once a day fills them in eleven years. */
export const MAX_KEY_VERSIONS = 4_096

/** What `register` asks for. */
export interface KeyOrder {
  readonly id: KeyId
  readonly type: KeyType
  readonly exportable: boolean
  /** Any will do unless one is named. */
  readonly backend?: KeyBackendName
}

/**
 * Whether a registered key satisfies an order for the same id: registering is "make sure it exists", so asking again is fine and changes nothing,
 * while another type or backend, or leave to export that it was not made with, is refused.
 */
export function satisfiesOrder(entry: KeyEntry, order: KeyOrder): Result<true, KeyEntryRefusal> {
  if (entry.type !== order.type)
    return refuse("KEY_TYPE_MISMATCH", `${entry.id} is a key of type ${entry.type}, not ${order.type}; choose another id`)
  if (order.exportable && !entry.exportable)
    return refuse("KEY_TYPE_MISMATCH", `${entry.id} exists and was not made exportable; choose another id`)
  if (order.backend !== undefined && order.backend !== entry.backend)
    return refuse("KEY_TYPE_MISMATCH", `${entry.id} exists in the backend ${entry.backend}, not ${order.backend}; choose another id`)
  const state = stateOf(entry)
  return state === "destroyed" ? destroyed(entry.id) : ok(true)
}

/** The state of the key as a whole: that of its newest version. */
export function stateOf(entry: KeyEntry): KeyState {
  return entry.versions.at(-1)?.state ?? "destroyed"
}

/** Adds a version that is the current one from now on. A destroyed key stays so. */
export function rotated(entry: KeyEntry, made: Pick<KeyVersion, "publicKey" | "createdAt">): Result<KeyEntry, KeyEntryRefusal> {
  if (stateOf(entry) === "destroyed") return destroyed(entry.id)
  if (entry.versions.length >= MAX_KEY_VERSIONS)
    return refuse("KEY_VERSIONS_FULL", `${entry.id} has ${MAX_KEY_VERSIONS} versions, the most there can be; register a new id`)
  const version: KeyVersion = { version: entry.versions.length + 1, state: "enabled", ...made }
  return ok({ ...entry, versions: [...entry.versions, version] })
}

/** Sets the state of one version, or of all when none is named. What is destroyed stays destroyed. */
export function withState(entry: KeyEntry, state: KeyState, version?: number): Result<KeyEntry, KeyEntryRefusal> {
  if (version !== undefined && !entry.versions.some((each) => each.version === version)) return unknownVersion(entry, version)
  const meant = entry.versions.filter((each) => version === undefined || each.version === version)
  if (state !== "destroyed" && meant.every((each) => each.state === "destroyed")) return destroyed(entry.id)
  return ok({
    ...entry,
    versions: entry.versions.map((each) => (meant.includes(each) && each.state !== "destroyed" ? { ...each, state } : each)),
  })
}

/** Puts other rules in the place of those that the key has. */
export function withRules(entry: KeyEntry, rules: KeyRules): Result<KeyEntry, KeyEntryRefusal> {
  return stateOf(entry) === "destroyed" ? destroyed(entry.id) : ok({ ...entry, rules })
}

/**
 * The version that an operation uses. The newest signs, encrypts, agrees and derives; older ones go on verifying, decrypting and checking, by
 * their number.
 */
export function versionFor(entry: KeyEntry, operation: KeyOperation, asked?: number): Result<KeyVersion, KeyEntryRefusal> {
  if (!keyTypeTraits(entry.type).operations.includes(operation))
    return refuse("KEY_OPERATION_UNSUPPORTED", `a key of type ${entry.type} cannot ${operation}`)
  const newest = entry.versions.at(-1)
  const version = asked === undefined ? newest : entry.versions.find((each) => each.version === asked)
  if (version === undefined || newest === undefined) return unknownVersion(entry, asked ?? 0)
  if (version !== newest && !worksWithOldVersions(operation))
    return refuse("KEY_OPERATION_UNSUPPORTED", `only the newest version of ${entry.id}, ${newest.version}, can ${operation}`)
  switch (version.state) {
    case "enabled":
      return ok(version)
    case "disabled":
      return refuse("KEY_DISABLED", `version ${version.version} of ${entry.id} is disabled; enable it with \`keygrove key enable\``)
    case "destroyed":
      return destroyed(entry.id)
    default:
      return unreachable(version.state)
  }
}

/** Versions that may have made what is to be verified, newest first. */
export function verifyingVersions(entry: KeyEntry): readonly KeyVersion[] {
  return entry.versions.filter(({ state }) => state === "enabled").toReversed()
}

function worksWithOldVersions(operation: KeyOperation): boolean {
  return operation === "verify" || operation === "decrypt" || operation === "mac"
}

function destroyed(id: KeyId): Refusal<"KEY_DESTROYED"> {
  return refuse("KEY_DESTROYED", `${id} was destroyed; its id is not used again, register another one`)
}

function unknownVersion(entry: KeyEntry, version: number): Refusal<"KEY_VERSION_UNKNOWN"> {
  return refuse("KEY_VERSION_UNKNOWN", `${entry.id} has versions 1 to ${entry.versions.length}, not ${version}`)
}
