import type { MethodSpec } from "./method-spec.ts"
import type { NodeName } from "./results.ts"

type None = Readonly<Record<never, never>>

/** Decoded parameters of the methods about the ledger itself. */
export interface LedgerApiParams {
  readonly "ledger.status": None
  readonly "ledger.entries": { readonly from: number; readonly limit: number; readonly kind?: string }
  readonly "ledger.snapshot": { readonly prune?: boolean; readonly pruneEtcd?: boolean }
}

/** An entry as `ledger.entries` answers. */
export interface LedgerEntryFacts extends NodeName {
  readonly index: number
  readonly kind: string
  /** Hex of the author's key. */
  readonly key: string
  /** What it says, in one line; empty for a kind that the node does not know. */
  readonly says: string
}

/** Answer of `ledger.entries`. */
export interface LedgerEntries {
  readonly entries: readonly LedgerEntryFacts[]
  /** Where to ask on: after the last entry that was looked at. */
  readonly next: number
}

/** A snapshot that a node has of its ledger. */
export interface SnapshotFacts {
  /** Entries that it stands for. */
  readonly length: number
  /** Head of the log there, 64 hex digits. */
  readonly head: string
  /** Node that signed it. */
  readonly by: string
}

/** Answer of `ledger.snapshot`. */
export interface TakenSnapshotFacts extends SnapshotFacts {
  /** Index before which this node keeps only entries of key chains; 0 where it keeps all. */
  readonly prunedTo: number
  /** Length of the snapshot before which etcd has only entries of key chains; 0 where it has all, null where the ledger is not in etcd or that is not known yet. */
  readonly etcdPrunedTo: number | null
}

/** The methods about the ledger itself. */
export const ledgerMethods: { readonly [M in keyof LedgerApiParams]: MethodSpec } = {
  "ledger.status": { summary: "Length, head and host of the log, and this node's snapshot of it.", params: {} },
  "ledger.entries": {
    summary: "Entries of the log.",
    params: {
      from: { type: "integer", min: 0, max: Number.MAX_SAFE_INTEGER, description: "index of the first entry" },
      limit: { type: "integer", min: 1, max: 256, description: "entries at most" },
      kind: {
        type: "text",
        maxLength: 32,
        description: "entries of this kind only; of long logs a part is looked through at a time, see `next`",
        optional: true,
      },
    },
  },
  "ledger.snapshot": {
    summary: "Takes a signed snapshot of what the ledger says, from which the node starts the next time.",
    params: {
      prune: {
        type: "boolean",
        description: "drop from this node's copy what came before it, but the entries of key chains",
        optional: true,
      },
      pruneEtcd: {
        type: "boolean",
        description: "put it into etcd for all nodes of the cluster, and drop what came before it there, but the entries of key chains",
        optional: true,
      },
    },
  },
}
