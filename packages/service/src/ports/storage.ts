import type { CborValue, Result } from "@keygrove/base"
import type { CallOptions } from "./call-options.ts"

/**
 * A node's small durable state that is not a secret and not on the ledger: fragments it serves and key pieces it keeps (sealed), jobs under way,
 * receipts, names of its labels. A put or remove that resolved survives a crash at any later instruction.
 */
export interface Storage extends AsyncDisposable {
  /** The record, or `undefined`. */
  get(collection: StorageCollection, key: string, options: CallOptions): Promise<Result<CborValue | undefined, StorageRefusal>>
  /** Up to `limit` (≤ 1,000) records in key order, after the key `after`. */
  list(
    collection: StorageCollection,
    range: { readonly after?: string; readonly limit: number },
    options: CallOptions,
  ): Promise<Result<readonly StorageRecord[], StorageRefusal>>
  /** Applies all changes or none, durably. At most 256 changes of at most 1 MiB each. */
  write(changes: readonly StorageChange[], options: CallOptions): Promise<Result<true, StorageRefusal>>
}

export type StorageCollection =
  | "fragment"
  | "grant-job"
  | "revoke-job"
  | "receipt"
  | "label"
  | "setting"
  | "meeting"
  | "key-chain"
  | "trusted"
  | "piece"
  | "sharing-job"
  | "unlock-count"
export type StorageRefusal = "STORAGE_CORRUPT" | "DISK_FULL" | "STORAGE_FAILED"

export interface StorageRecord {
  readonly key: string
  readonly value: CborValue
}

export type StorageChange =
  | { readonly kind: "put"; readonly collection: StorageCollection; readonly key: string; readonly value: CborValue }
  | { readonly kind: "remove"; readonly collection: StorageCollection; readonly key: string }
