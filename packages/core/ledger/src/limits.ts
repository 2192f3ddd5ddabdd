/** Longest encoded entry in bytes. */
export const MAX_ENTRY_BYTES = 65_536
/** Most entries of one batch; a batch is appended whole or not at all. */
export const MAX_BATCH_ENTRIES = 64
/** Most bytes of one batch: what one peer message carries, with room for its frame. */
export const MAX_BATCH_BYTES: number = 960 * 1024
/** Most entries of one slice read from a log. */
export const MAX_SLICE_ENTRIES = 256
/** Most bytes of one slice, but it holds at least one entry. */
export const MAX_SLICE_BYTES: number = 960 * 1024
/** Entries after which an engine takes nothing but removals (`isRemoval`). */
export const MAX_LEDGER_ENTRIES = 4_194_304
/** Most clusters on one ledger. */
export const MAX_CLUSTERS = 4096
/** Most nodes of one cluster, the root included. */
export const MAX_CLUSTER_NODES = 16_384
/** Most replacements of roots, one after the other, over which a cluster still stands for another. */
export const MAX_SUCCESSIONS = 16
/** Most policies of one cluster that are not revoked. Revoking one makes room for another. */
export const MAX_LIVE_POLICIES = 65_536
/** Most other clusters that one trusts at a time. */
export const MAX_TRUSTED_CLUSTERS = 4096
/** Most entries of one key chain. */
export const MAX_KEY_CHAIN_ENTRIES = 1_048_576
/** Bytes of each part that a snapshot is kept and sent in, but the last: what one peer message carries, with room for its frame. */
export const MAX_SNAPSHOT_CHUNK_BYTES: number = 512 * 1024
/** Most parts of one snapshot: 512 MiB. A ledger whose state is larger is replayed. */
export const MAX_SNAPSHOT_CHUNKS = 1024
/** Longest record of a snapshot in bytes: an entry with what the state adds to it. */
export const MAX_SNAPSHOT_RECORD_BYTES: number = 128 * 1024
/** Kinds of entries unknown to this version that a state names. */
export const MAX_UNKNOWN_KINDS = 64
