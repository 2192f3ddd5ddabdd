import type { MethodSpec } from "./method-spec.ts"

/** Decoded parameters of the methods about the tree of nodes. */
export interface TreeApiParams {
  readonly "node.list": { readonly after?: string | undefined; readonly limit?: number | undefined }
  readonly "node.rekeyBegin": Readonly<Record<never, never>>
  readonly "node.rekeyFinish": { readonly entry: Uint8Array; readonly sealed: Uint8Array }
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
  "ledger.publish": {
    summary: "Appends one signed statement about a node of this cluster, e.g. a certificate or a revocation.",
    params: { entry: { type: "base64", minBytes: 1, maxBytes: MAX_PUBLISHED_BYTES, description: "the encoded entry" } },
  },
}
