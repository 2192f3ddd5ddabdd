import { ok, refuse, type Result } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import { findHolder, type LedgerState } from "@keygrove/ledger"
import type { PolicyGrant } from "@keygrove/reencryption"
import type { NodeContext } from "../node-context.ts"

/**
 * Refuses once another root came in the place of the one that this node descends from: somebody may know the words of that, and so all keys below it. What was written before is opened, served
 * and revoked as ever; nothing more is to depend on these keys.
 */
export function checkRootStands({ keystore, replica }: Pick<NodeContext, "keystore" | "replica">): Result<true, "ROOT_REPLACED"> {
  const { cluster } = keystore.identity()
  const at = replica.state.clusters.get(cluster)?.replacedBy?.at
  if (at === undefined) return ok(true)
  return refuse(
    "ROOT_REPLACED",
    `another root came in the place of this node's at ledger entry ${at}; move the node to it with \`keygrove node move\``,
  )
}

/** Whether another root came in the place of a cluster's. */
export function isReplaced(state: LedgerState, cluster: ClusterId): boolean {
  return state.clusters.get(cluster)?.replacedBy !== undefined
}

/** Refuses a reader whose keys the words of a replaced root give: nothing new is granted to them. One that the ledger never heard of cannot be judged. */
export function checkReaderStands(state: LedgerState, reader: PolicyGrant["reader"]): Result<true, "READER_REPLACED"> {
  const node = findHolder(state, reader.signingKey)
  if (node === undefined || !isReplaced(state, node.cluster)) return ok(true)
  return refuse(
    "READER_REPLACED",
    `the root above the reader, ${node.path}, was replaced; ask for its new \`keygrove id\` and meet its people again`,
  )
}
