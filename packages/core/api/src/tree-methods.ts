import type { MethodSpec } from "./method-spec.ts"

/** Decoded parameters of the methods about the tree of nodes. */
export interface TreeApiParams {
  readonly "node.list": { readonly after?: string | undefined; readonly limit?: number | undefined }
  readonly "node.rekeyBegin": Readonly<Record<never, never>>
  readonly "node.rekeyFinish": { readonly entry: Uint8Array; readonly sealed: Uint8Array }
  readonly "root.rekeyBegin": Readonly<Record<never, never>>
  readonly "root.rekeyStatus": Readonly<Record<never, never>>
  readonly "ledger.publish": { readonly entry: Uint8Array }
}

/** Answer of `node.rekeyBegin`: what a ceremony needs to prepare the node's next epoch for the running keystore. */
export interface RekeyExchangeFacts {
  /** 64 hex digits. */
  readonly cluster: string
  readonly path: string
  readonly generation: number
  /** The epoch that the node is in. */
  readonly epoch: number
  /** X25519 key of this exchange, 64 hex digits. */
  readonly exchangeKey: string
  /** Ed25519 by the node's current signing key, 128 hex digits. */
  readonly signature: string
}

/** Answer of `node.rekeyFinish`. */
export interface RekeyFacts {
  /** `pending`: the ledger does not have the statement yet; the node goes on trying. */
  readonly state: "done" | "pending"
  /** The epoch that was entered, or that is prepared. */
  readonly epoch: number
  /** `kg1…` of the node now. */
  readonly id: string
  /** What keeps it pending; null when nothing does. */
  readonly reason: { readonly code: string; readonly message: string } | null
}

/** Answer of `root.rekeyBegin` and `root.rekeyStatus`. */
export interface RootRekeyStatus {
  /** Null when this home has no plan to replace the root: there never was one, or it is done. */
  readonly plan: RootRekeyFacts | null
  /** The cluster in whose favour the root of this node's stepped down, 64 hex digits; null while it stands. */
  readonly replacedBy: string | null
}

/** How far the replacement of a root is. */
export interface RootRekeyFacts {
  /** The cluster whose root steps down, 64 hex digits. */
  readonly cluster: string
  /** The cluster of the new root, 64 hex digits. */
  readonly successor: string
  /** Entries of the new cluster that are on the ledger, of those that have to be. */
  readonly published: number
  readonly entries: number
  /** Index of the entry by which the old root stepped down; null before. */
  readonly replacedAt: number | null
  readonly nodes: readonly RootRekeyNode[]
  /** Why it did not go on when that was last tried; null when it did. */
  readonly reason: { readonly code: string; readonly message: string } | null
}

/** One node that is to move to the new root. */
export interface RootRekeyNode {
  readonly path: string
  /** `uninvited`: it joined after the plan was made; `unrevoked`: it was revoked below the old root only; `ended`: it is a node of neither. */
  readonly state: "moved" | "waiting" | "uninvited" | "unrevoked" | "ended"
  /** When it last asked this node for its invitation, in milliseconds since 1970; null when it has not since the start. */
  readonly lastSeen: number | null
}

/** One node of the cluster, of `node.list`. */
export interface NodeFacts {
  readonly path: string
  readonly generation: number
  /** 0 before the node has named its first keys. */
  readonly epoch: number
  /** `invited`: certified, and not heard of yet. */
  readonly state: "active" | "invited" | "revoked" | "replaced"
  /** Why it was revoked; null when it was not. */
  readonly reason: "compromised" | "retired" | null
  /** Index of the entry that made it what it is. */
  readonly at: number
  /** The epoch that an ancestor ordered and that it has not reached; null when it owes none. */
  readonly owesEpoch: number | null
  /** Whether this is the node that answers. */
  readonly self: boolean
}

/** Answer of `node.list`. */
export interface NodeTree {
  /** 64 hex digits. */
  readonly cluster: string
  /** SHA-256 of the ledger's first entry, 64 hex digits: names the log that indexes count in. */
  readonly origin: string
  /** In the order of their paths, parents before their children; those that are gone too. */
  readonly nodes: readonly NodeFacts[]
  /** What to ask for as `after` to get the next ones; null at the end. */
  readonly next: string | null
}

/** Most nodes in one answer of `node.list`. */
export const MAX_NODE_PAGE = 1_000

/** Longest entry that is published so, in bytes; statements about nodes are far shorter. */
const MAX_PUBLISHED_BYTES = 4_096

/** The methods about the tree of nodes. */
export const treeMethods: { readonly [M in keyof TreeApiParams]: MethodSpec } = {
  "node.list": {
    summary: "The nodes of this cluster, those that are gone too; works while the node is locked.",
    params: {
      after: { type: "text", maxLength: 264, description: "path after which to begin", optional: true },
      limit: { type: "integer", min: 1, max: MAX_NODE_PAGE, description: "nodes at most", optional: true },
    },
  },
  "node.rekeyBegin": {
    summary: "Begins an exchange with the ceremony that prepares this node's next epoch; one that was begun before ends.",
    params: {},
  },
  "node.rekeyFinish": {
    summary:
      "Takes the node to the epoch that a ceremony prepared: its statement onto the ledger, then keystore and network. May be repeated.",
    params: {
      entry: { type: "base64", minBytes: 1, maxBytes: MAX_PUBLISHED_BYTES, description: "the statement, an encoded entry" },
      sealed: { type: "base64", minBytes: 1, maxBytes: MAX_PUBLISHED_BYTES, description: "the epoch's secret, sealed to the exchange" },
    },
  },
  "root.rekeyBegin": {
    summary:
      "Takes up the plan of a root's replacement that was just put into this home (`keygrove root rekey`); answers as `root.rekeyStatus`.",
    params: {},
  },
  "root.rekeyStatus": {
    summary: "How far the replacement of the root is that this home has a plan for.",
    params: {},
  },
  "ledger.publish": {
    summary: "Appends one signed statement about a node of this cluster, e.g. a certificate or a revocation.",
    params: { entry: { type: "base64", minBytes: 1, maxBytes: MAX_PUBLISHED_BYTES, description: "the encoded entry" } },
  },
}
