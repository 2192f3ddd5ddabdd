import { brandShape, bytesShape, checkShape, ok, refuse, type CborValue, type Refusal, type Result } from "@keygrove/base"
import * as v from "valibot"
import { decodeLedgerIndex, type LedgerHead } from "../head.ts"
import { MAX_UNKNOWN_KINDS } from "../limits.ts"
import { OTHER_KINDS } from "../state.ts"
import { isStatementKind, knownKinds } from "../statement.ts"
import { SNAPSHOT_VERSION } from "./encode-snapshot.ts"
import { recordsOf } from "./frames.ts"
import { SnapshotBuilder } from "./rebuild.ts"
import { SECTIONS } from "./sections.ts"
import type { LedgerSnapshot } from "./snapshot.ts"

/** `SNAPSHOT_VERSION`: written by a version whose fold may be another than this one's. */
export type SnapshotRefusal = "SNAPSHOT_INVALID" | "SNAPSHOT_VERSION"

const kindName = v.pipe(v.string(), v.regex(/^(?:[a-z][a-z-]{0,31}|\*)$/))
const openingShape = v.strictTuple([
  v.literal("keygrove snapshot"),
  v.number(),
  brandShape(decodeLedgerIndex),
  bytesShape(32),
  v.nullable(bytesShape(32)),
  v.pipe(v.array(kindName), v.maxLength(MAX_UNKNOWN_KINDS)),
  v.pipe(v.array(kindName), v.maxLength(MAX_UNKNOWN_KINDS + 1)),
])

/** What the first record says. */
interface Opening {
  readonly head: LedgerHead
  readonly origin?: Uint8Array
  readonly unknownKinds?: readonly string[]
}

/**
 * Strict inverse of `encodeSnapshot`: form, order, limits, and that its parts fit together. Whether it is the fold of the log that it names only a replay can tell, so that a snapshot is
 * taken from its signer's hands (docs/decisions/snapshots.md).
 */
export function decodeSnapshot(chunks: Iterable<Uint8Array>): Result<LedgerSnapshot, SnapshotRefusal> {
  const records = recordsOf(chunks)
  const opening = readOpening(records.next().value)
  if (!opening.ok) return opening
  const builder = new SnapshotBuilder(opening.value)
  let section = -1
  for (const record of records) {
    if (typeof record === "string") {
      section++
      if (record !== (SECTIONS[section] ?? "end")) return invalid("its sections are not in order")
      continue
    }
    const name = SECTIONS[section]
    if (record === undefined || name === undefined) return invalid("it is cut off, or something stands between its records")
    const taken = builder.take(name, record)
    if (!taken.ok) return taken
  }
  if (section !== SECTIONS.length) return invalid("it is cut off")
  return builder.finish()
}

function readOpening(record: CborValue | undefined): Result<Opening, SnapshotRefusal> {
  if (record === undefined) return invalid("it is no snapshot")
  const checked = checkShape(record, { shape: openingShape, code: "SNAPSHOT_INVALID", noun: "snapshot" })
  if (!checked.ok) return checked
  const [, version, length, hash, origin, kinds, unknown] = checked.value
  if (version !== SNAPSHOT_VERSION)
    return refuse("SNAPSHOT_VERSION", `the snapshot has version ${version}, this program reads ${SNAPSHOT_VERSION}`)
  if (!isSorted(kinds) || !isSorted(unknown)) return invalid("kinds that it names are not in order")
  if ((origin === null) !== (length === 0)) return invalid("it names a first entry of an empty log, or none of another")
  const difference = differenceOf(kinds, unknown)
  if (difference !== undefined) return difference
  return ok({
    head: { length, hash },
    ...(origin === null ? {} : { origin }),
    ...(unknown.length === 0 ? {} : { unknownKinds: unknown }),
  })
}

/** The refusal of what was folded by a version that knew more kinds, or less and met some that this version knows. */
function differenceOf(kinds: readonly string[], unknown: readonly string[]): Refusal<SnapshotRefusal> | undefined {
  const foreign = kinds.find((kind) => !isStatementKind(kind))
  if (foreign !== undefined)
    return refuse("SNAPSHOT_VERSION", "the snapshot is of a newer version, which knows kinds of entries that this one does not")
  const isOlder = kinds.length < knownKinds().length
  if (unknown.some(isStatementKind) || (isOlder && unknown.includes(OTHER_KINDS)))
    return refuse("SNAPSHOT_VERSION", "the snapshot is of an older version, which left out entries that this one knows")
  return undefined
}

function isSorted(names: readonly string[]): boolean {
  return names.every((name, place) => place === 0 || (names[place - 1] ?? "") < name)
}

function invalid(why: string): Refusal<"SNAPSHOT_INVALID"> {
  return refuse("SNAPSHOT_INVALID", `the snapshot of the ledger is damaged: ${why}`)
}
