import { OrderedMap, toHex } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import type { LedgerIndex } from "./head.ts"
import type { LedgerState, PolicyState } from "./state.ts"

/** What one reader may read of one cluster's labels. */
export interface ReaderStanding {
  /** Policies that are not revoked; some may have expired. */
  readonly standing: number
  /** Where the last one was revoked; absent while none was. */
  readonly endedAt?: LedgerIndex
}

/** By the hex of the key with which a reader signs its requests, then by the cluster of the owners. It follows from the policies. */
export type Readers = LedgerState["readers"]

const NOTHING: ReaderStanding = { standing: 0 }

/** One more policy of its reader. */
export function withReader(readers: Readers, policy: PolicyState): Readers {
  return changed(readers, policy, (before) => ({ ...before, standing: before.standing + 1 }))
}

/** One less, since `endedAt`. */
export function withoutReader(readers: Readers, policy: PolicyState, endedAt: LedgerIndex): Readers {
  return changed(readers, policy, (before) => {
    const last = before.endedAt === undefined || before.endedAt < endedAt ? endedAt : before.endedAt
    return { standing: before.standing - 1, endedAt: last }
  })
}

/**
 * Of which clusters a signing key (32 bytes) that is no node's, and never was, is a reader: such as the boot key of a node that is locked. A node is known by more than what it may read, so of one there is
 * nothing here.
 */
export function* readerStandings(state: LedgerState, signingKey: Uint8Array): Generator<readonly [ClusterId, ReaderStanding], undefined> {
  const hex = toHex(signingKey)
  if (state.signingKeys.has(hex)) return undefined
  yield* state.readers.get(hex)?.entries() ?? []
  return undefined
}

function changed(readers: Readers, { grant, owner }: PolicyState, change: (before: ReaderStanding) => ReaderStanding): Readers {
  const hex = toHex(grant.reader.signingKey)
  const byCluster = readers.get(hex) ?? OrderedMap.empty<ClusterId, ReaderStanding>()
  return readers.set(hex, byCluster.set(owner.cluster, change(byCluster.get(owner.cluster) ?? NOTHING)))
}
