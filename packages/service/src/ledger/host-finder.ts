import { equalBytes } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { findHolder, foldEntry, isSameHead, MAX_SLICE_ENTRIES, type FoldedLedger, type LedgerState } from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { LedgerHostClient } from "./host-client.ts"

/** Entries that are read from a host whose key is not proved yet; a follower that is further behind needs its person. */
export const MAX_TENTATIVE_ENTRIES = 65_536

/** The key that the node which holds or held `signingKey` (32 bytes) has now, where that is another one. */
export function successorOf(state: LedgerState, signingKey: Uint8Array): Uint8Array | undefined {
  const now = findHolder(state, signingKey)?.keys.signingKey
  return now === undefined || equalBytes(now, signingKey) ? undefined : now
}

/**
 * Whether the node that holds `expected` holds the key of `found` now, by what `found` itself shows after `known`: entries that continue it, each signed. Nothing
 * of them is kept: who cannot show it has told nothing.
 */
export async function provesHost(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  known: FoldedLedger,
  { expected, found, key }: { readonly expected: Uint8Array; readonly found: LedgerHostClient; readonly key: Uint8Array },
  options: CallOptions,
): Promise<boolean> {
  const isProved = ({ state }: FoldedLedger): boolean => {
    const now = successorOf(state, expected)
    return now !== undefined && equalBytes(now, key)
  }
  const head = await found.head(options)
  if (!head.ok) return false
  let view = known
  while (!isProved(view)) {
    const read = view.head.length - known.head.length
    if (view.head.length >= head.value.length || read >= MAX_TENTATIVE_ENTRIES) return false
    const slice = await found.read(view.head.length, MAX_SLICE_ENTRIES, options)
    if (!slice.ok || slice.value.entries.length === 0) return false
    if (!isSameHead(view.head, { length: slice.value.from, hash: slice.value.before })) return false
    for (const entry of slice.value.entries) {
      const folded = foldEntry(primitives, view, entry)
      if (!folded.ok) return false
      view = folded.value.ledger
    }
  }
  return true
}
