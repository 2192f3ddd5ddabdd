import type { ClusterId, NodePath } from "@keygrove/hierarchy"
import { custodyOf, findNode, hasKeys, type KeyedNode, type LedgerState } from "@keygrove/ledger"
import type { CustodyView } from "@keygrove/peering"
import type { CustodyMember } from "@keygrove/pieces"
import type { PeerAddress } from "../ports/transport.ts"
import type { PiecesContext } from "./pieces-context.ts"

/** What this node's ledger says now of the pieces in its cluster. */
export function custodyView({ keystore, replica }: Pick<PiecesContext, "keystore" | "replica">): CustodyView {
  const { cluster, path } = keystore.identity()
  const { state } = replica
  return { state, custody: custodyOf(state, cluster), self: { cluster, path } }
}

/** A member's node, which has keys as long as it is a member. */
export function nodeOf(view: Pick<CustodyView, "state" | "self">, path: NodePath): KeyedNode | undefined {
  return keyedNode(view.state, view.self.cluster, path)
}

/** Where a member is found. */
export function peerOf(view: Pick<CustodyView, "state" | "self">, { addresses, path }: CustodyMember): PeerAddress | undefined {
  const node = nodeOf(view, path)
  return node === undefined ? undefined : { signingKey: node.keys.signingKey, addresses }
}

function keyedNode(state: LedgerState, cluster: ClusterId, path: NodePath): KeyedNode | undefined {
  const node = findNode(state, { cluster, path })
  return node !== undefined && hasKeys(node) ? node : undefined
}
