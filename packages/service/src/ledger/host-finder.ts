import { equalBytes } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { findHolder, foldEntry, isSameHead, MAX_SLICE_ENTRIES, movedNode, type FoldedLedger, type LedgerState } from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { LedgerSlice } from "../ports/ledger-engine.ts"
import type { LedgerHostClient } from "./host-client.ts"

/** Entries that are read from a host whose key is not proved yet; a follower that is further behind needs its person. */
export const MAX_TENTATIVE_ENTRIES = 65_536

/** The key that the node which holds or held `signingKey` (32 bytes) has now, where that is another one: after a rekey, or below the root that came in the place of its own. */
export function successorOf(state: LedgerState, signingKey: Uint8Array): Uint8Array | undefined {
  const holder = findHolder(state, signingKey)
  const now = holder === undefined ? undefined : movedNode(state, holder).keys?.signingKey
  return now === undefined || equalBytes(now, signingKey) ? undefined : now
}

/** What came of asking whoever answers in the place of a host. */
export interface HostProof {
  readonly isProved: boolean
  /** Entries that were read, each of which cost the check of a signature. */
  readonly read: number
}

/**
 * Whether the node that holds `expected` holds the key of `found` now, by what `found` itself shows after `known`: entries that continue it, each signed. Nothing
 * of them is kept: who cannot show it has told nothing.
 */
export async function proveHost(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  known: FoldedLedger,
  { expected, found }: { readonly expected: Uint8Array; readonly found: LedgerHostClient },
  options: CallOptions,
): Promise<HostProof> {
  const head = await found.head(options)
  let view = known
  for (;;) {
    const read = view.head.length - known.head.length
    const now = successorOf(view.state, expected)
    if (head.ok && now !== undefined && equalBytes(now, found.host.signingKey)) return { isProved: true, read }
    if (!head.ok || view.head.length >= head.value.length || read >= MAX_TENTATIVE_ENTRIES) return { isProved: false, read }
    const slice = await found.read(view.head.length, MAX_SLICE_ENTRIES, options)
    const next = slice.ok ? continued(primitives, view, slice.value) : undefined
    if (next === undefined) return { isProved: false, read }
    view = next
  }
}

/** The fold after a slice that continues it; `undefined` when it does not, or has nothing. */
function continued(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  view: FoldedLedger,
  { before, entries, from }: LedgerSlice,
): FoldedLedger | undefined {
  if (entries.length === 0 || !isSameHead(view.head, { length: from, hash: before })) return undefined
  let last = view
  for (const entry of entries) {
    const folded = foldEntry(primitives, last, entry)
    if (!folded.ok) return undefined
    last = folded.value.ledger
  }
  return last
}
