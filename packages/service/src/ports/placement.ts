import type { NodeReference, Timestamp } from "@keygrove/hierarchy"
import type { CallOptions } from "./call-options.ts"
import type { FragmentRecipient } from "./keystore.ts"
import type { PeerAddress } from "./transport.ts"

/** A proxy that offers to keep fragments long enough. */
export type ProxyCandidate = PeerAddress & FragmentRecipient & NodeReference

/** Finds proxies for a policy. For now from the terms on the ledger; by Kademlia distance later. */
export interface Placement {
  /** Proxies whose terms last beyond `until` and have capacity left, best first, never two of the same node. */
  candidates(policyId: Uint8Array, until: Timestamp, options: CallOptions): Promise<readonly ProxyCandidate[]>
}
