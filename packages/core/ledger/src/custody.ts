import { toHex } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { NodeReference } from "@keygrove/hierarchy"
import { applyCustody, type CustodyStatement } from "@keygrove/pieces"
import { signingAuthor } from "./author.ts"
import { custodyOf, findNode, type LedgerState } from "./state.ts"
import { standsFor } from "./succession.ts"
import { applied, clusterOf, rejected, withCluster, type Placed } from "./transitions.ts"
import type { Application } from "./verdict.ts"

/** A node says something about custody in its cluster. Of the rules here is only what needs more than custody: who signs, and whose a boot key is. */
export function applyCustodyStatement(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  state: LedgerState,
  entry: Placed<CustodyStatement>,
): Application<LedgerState> {
  const { author, body: statement, index } = entry
  const node = signingAuthor(state, author)
  if (!node.ok) return rejected(state, node.code)
  const { cluster, path } = node.value
  const ruling = applyCustody(
    { primitives, signingKeyOf: (holder) => findNode(state, { cluster, path: holder })?.keys?.signingKey },
    custodyOf(state, cluster),
    { cluster, author: path, index, statement },
  )
  if ("reason" in ruling) return rejected(state, ruling.reason)
  const changed = withCluster(state, { ...clusterOf(state, author), custody: ruling.custody })
  if (statement.kind !== "custody-joined") return applied(changed)
  const { bootSigningKey } = statement.body
  if (!mayUse(state, { cluster, path }, bootSigningKey)) return rejected(state, "BOOT_KEY_REUSED")
  return applied({ ...changed, bootKeys: state.bootKeys.set(toHex(bootSigningKey), { cluster, path }) })
}

/** A boot key is of one path for ever, in its cluster and those that stand for that: a machine keeps it when its node is replaced or moves. It is never a signing key. */
function mayUse(state: LedgerState, node: NodeReference, bootSigningKey: Uint8Array): boolean {
  const hex = toHex(bootSigningKey)
  const holder = state.bootKeys.get(hex)
  return !state.signingKeys.has(hex) && (holder === undefined || standsFor(state, node, holder))
}
