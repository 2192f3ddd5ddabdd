import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { verifySnapshotHead, type SnapshotHead } from "@keygrove/ledger"
import type { LedgerAnswer, LedgerHostRefusal, LedgerRequest } from "@keygrove/peering"
import type { CallOptions } from "../ports/call-options.ts"
import type { LedgerSnapshots } from "../ports/ledger-snapshots.ts"

/** The snapshots that a host gives to followers that are behind what it keeps. */
export interface HostSnapshots {
  readonly primitives: Pick<Primitives, "ed25519">
  readonly store: Pick<LedgerSnapshots, "heads" | "chunk" | "headAt">
}

interface KeptHead {
  readonly encoded: Uint8Array
  readonly head: SnapshotHead
}

/** The newest snapshot's head, and how the log stands where the caller's ends: by that it sees that the log is its own. */
export async function answerSnapshot(
  { primitives, store }: HostSnapshots,
  { length }: Extract<LedgerRequest, { readonly op: "snapshot" }>,
  call: CallOptions,
): Promise<LedgerAnswer> {
  const before = await store.headAt(length, call)
  if (!before.ok) return refused(before)
  const kept = await keptHeads({ primitives, store }, call)
  if (!kept.ok) return refused(kept)
  const newest = kept.value[0]
  if (newest === undefined) return refused(refuse("LEDGER_PRUNED", "the ledger's host has no snapshot to start from"))
  return { kind: "snapshot", head: newest.encoded, before: before.value }
}

/** A part of one of the snapshots that are kept, named by its length and digest. */
export async function answerPart(
  snapshots: HostSnapshots,
  { digest, length, place }: Extract<LedgerRequest, { readonly op: "part" }>,
  call: CallOptions,
): Promise<LedgerAnswer> {
  const kept = await keptHeads(snapshots, call)
  if (!kept.ok) return refused(kept)
  const named = kept.value.find(({ head }) => head.length === length && equalBytes(head.digest, digest))
  if (named === undefined || place >= named.head.chunks)
    return refused(
      refuse("LEDGER_PRUNED", `part ${place} of a snapshot at entry ${length} is not kept any more; ask for the newest snapshot`),
    )
  const bytes = await snapshots.store.chunk(length, place, call)
  return bytes.ok ? { kind: "part", place, bytes: bytes.value } : refused(bytes)
}

/** Those that hold, the newest first; a damaged one is given to nobody. */
async function keptHeads({ primitives, store }: HostSnapshots, call: CallOptions): Promise<Result<readonly KeptHead[], LedgerHostRefusal>> {
  const heads = await store.heads(call)
  if (!heads.ok) return heads
  const kept = heads.value.flatMap((encoded) => {
    const head = verifySnapshotHead(primitives, encoded)
    return head.ok ? [{ encoded, head: head.value }] : []
  })
  return ok(kept)
}

function refused(refusal: { readonly code: LedgerHostRefusal; readonly message: string }): LedgerAnswer {
  return { kind: "refused", code: refusal.code, message: refusal.message }
}
