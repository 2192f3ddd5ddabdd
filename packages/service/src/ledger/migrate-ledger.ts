import { equalBytes, ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import { isSameHead, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_SLICE_ENTRIES, type LedgerHead, type LedgerIndex } from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { AppendRefusal, LedgerEngine, LedgerSlice, ReadRefusal } from "../ports/ledger-engine.ts"
import type { LedgerSource, SourceRefusal } from "../ports/ledger-source.ts"
import type { SealableLog, SealRefusal } from "../ports/sealable-log.ts"
import type { SnapshotSource } from "./start-snapshot.ts"

/** What is moved where. */
export interface LedgerMigration {
  /** The node's own file: where the ledger is, or its verified copy. */
  readonly copy: Pick<LedgerEngine, "head" | "read" | "append">
  /** Where the ledger is when it is not in the own file. */
  readonly source?: Pick<LedgerSource, "head" | "read" | "title"> & SealableLog
  /** Closes the own file, when the ledger is there. */
  readonly own: SealableLog
  /** Where it goes on when that is not the own file. */
  readonly target?: Pick<LedgerSource, "head" | "read" | "append" | "title"> & SealableLog & Partial<Pick<SnapshotSource, "snapshot">>
  /** The place as others find it. */
  readonly place: string
  /** Told how many entries of how many are there. */
  readonly onProgress: (done: number, total: number) => void
}

export type MigrationRefusal = AppendRefusal | ReadRefusal | SourceRefusal | SealRefusal | "LEDGER_TARGET_OTHER"

/** Times that a ledger may grow while it is moved, before that is given up. */
const MAX_ROUNDS = 64

/**
 * Moves a ledger: brings the own copy up to it, the target up to the copy, and closes the place where it was, at the head that the target has. Every entry is verified on its way, and every head compared. Cut
 * off anywhere it may be done again, and goes on; a target with anything else in it is refused.
 */
export async function migrateLedger(migration: LedgerMigration, options: CallOptions): Promise<Result<LedgerHead, MigrationRefusal>> {
  const { copy, own, place, source, target } = migration
  const free = await targetIsFree(target, options)
  if (!free.ok) return free
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const copied = await copyFrom(migration, options)
    if (!copied.ok) return copied
    const head = await copy.head(options)
    const filled = await fillTarget(migration, head, options)
    if (!filled.ok) return filled
    const sealed = await (source ?? own).seal(place, head, options)
    if (sealed.ok) return ok(head)
    // Others appended meanwhile: what they did goes along.
    if (sealed.code !== "LEDGER_HEAD_MOVED") return sealed
  }
  return refuse(
    "LEDGER_HEAD_MOVED",
    `others appended ${MAX_ROUNDS} times while the ledger was moved; stop the nodes that write, and run it again`,
  )
}

/** What was closed itself goes nowhere any more. */
async function targetIsFree(target: SealableLog | undefined, options: CallOptions): Promise<Result<true, MigrationRefusal>> {
  const moved = target === undefined ? ok(undefined) : await target.movedTo(options)
  if (!moved.ok) return moved
  if (moved.value === undefined) return ok(true)
  return refuse("LEDGER_MOVED", `the ledger there was moved itself and goes on at ${moved.value}; choose another place`, {
    target: moved.value,
  })
}

/** Brings the own copy up to the source. */
async function copyFrom({ copy, onProgress, source }: LedgerMigration, options: CallOptions): Promise<Result<true, MigrationRefusal>> {
  if (source === undefined) return ok(true)
  const remote = await source.head(options)
  if (!remote.ok) return remote
  let local = await copy.head(options)
  while (local.length < remote.value.length) {
    const slice = await source.read(local.length, MAX_SLICE_ENTRIES, options)
    if (!slice.ok && slice.code === "LEDGER_PRUNED") return behind(source.title, local)
    if (!slice.ok) return slice
    if (!equalBytes(slice.value.before, local.hash)) return forked(source.title, local, { ...local, hash: slice.value.before })
    if (slice.value.entries.length === 0)
      return refuse("LEDGER_UNREACHABLE", `${source.title} gave nothing after entry ${local.length}; try again`)
    for (const batch of batchesOf(slice.value.entries)) {
      const kept = await copy.append(batch, local, options)
      if (!kept.ok) return kept
      local = kept.value
    }
    onProgress(local.length, remote.value.length)
  }
  return isSameHead(local, remote.value) ? ok(true) : forked(source.title, local, remote.value)
}

/** Brings the target up to the own copy, which it must be a beginning of. */
async function fillTarget(
  { copy, onProgress, target }: LedgerMigration,
  head: LedgerHead,
  options: CallOptions,
): Promise<Result<true, MigrationRefusal>> {
  if (target === undefined) return ok(true)
  const there = await target.head(options)
  if (!there.ok) return there
  // The longer one goes on from where the shorter one ends: the target may have grown since another node moved the ledger there.
  const isAhead = there.value.length > head.length
  const fits = await (isAhead ? isBeginning(target, head, there.value, options) : isBeginning(copy, there.value, head, options))
  if (!fits.ok) return fits
  if (!fits.value) return other(target.title, head, there.value)
  if (isAhead) return ok(true)
  let last = there.value
  while (last.length < head.length) {
    const slice = await copy.read(last.length, Math.min(MAX_SLICE_ENTRIES, head.length - last.length), options)
    if (!slice.ok) return slice
    for (const batch of batchesOf(slice.value.entries)) {
      const appended = await target.append(batch, last, options)
      if (!appended.ok) return appended
      last = appended.value
    }
    onProgress(last.length, head.length)
  }
  const after = await target.head(options)
  if (!after.ok) return after
  return isSameHead(after.value, head) ? ok(true) : other(target.title, head, after.value)
}

interface CheckedLog extends Partial<Pick<SnapshotSource, "snapshot">> {
  read(from: LedgerIndex, limit: number, options: CallOptions): Promise<Result<LedgerSlice, ReadRefusal | SourceRefusal>>
}

/** Whether a log of some length goes through an earlier head. */
async function isBeginning(
  log: CheckedLog,
  earlier: LedgerHead,
  head: LedgerHead,
  options: CallOptions,
): Promise<Result<boolean, MigrationRefusal>> {
  if (earlier.length === head.length) return ok(isSameHead(earlier, head))
  const next = await log.read(earlier.length, 1, options)
  if (!next.ok && next.code === "LEDGER_PRUNED" && log.snapshot !== undefined) {
    const offered = await log.snapshot(earlier.length, options)
    return offered.ok ? ok(equalBytes(offered.value.before, earlier.hash)) : next
  }
  return next.ok ? ok(equalBytes(next.value.before, earlier.hash)) : next
}

/** Parts that one append takes. */
function* batchesOf(entries: readonly Uint8Array[]): Generator<readonly Uint8Array[], undefined> {
  let batch: Uint8Array[] = []
  let bytes = 0
  for (const entry of entries) {
    if (batch.length === MAX_BATCH_ENTRIES || bytes + entry.length > MAX_BATCH_BYTES) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(entry)
    bytes += entry.length
  }
  if (batch.length > 0) yield batch
}

function shown({ hash, length }: LedgerHead): string {
  return `${toHex(hash)} at ${length}`
}

function other(title: string, own: LedgerHead, there: LedgerHead): Refusal<"LEDGER_TARGET_OTHER"> {
  const facts = { own: shown(own), there: shown(there) }
  return refuse(
    "LEDGER_TARGET_OTHER",
    `${title} has ${facts.there}, which is no beginning of this ledger, ${facts.own}; choose an empty place`,
    facts,
  )
}

function behind(title: string, { length }: LedgerHead): Refusal<"LEDGER_PRUNED"> {
  return refuse(
    "LEDGER_PRUNED",
    `${title} was pruned after entry ${length}, where this node's copy ends; start the node, which has it start from the snapshot there, or move the ledger on a node that is up to date`,
  )
}

function forked(title: string, own: LedgerHead, there: LedgerHead): Refusal<"LEDGER_FORKED"> {
  const facts = { own: shown(own), claimed: shown(there) }
  return refuse("LEDGER_FORKED", `${title} shows ${facts.claimed}, this node holds ${facts.own}; do not trust it, nothing was moved`, facts)
}
