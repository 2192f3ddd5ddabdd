import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { clusterIdOf, parentPath, ROOT_PATH, type ClusterId, type NodeCertificate, type NodePath } from "@keygrove/hierarchy"
import { verifyEntry, type Entry } from "@keygrove/ledger"

/** Where a chain of entries leads: to a node of the cluster that comes after another. */
export interface Succession {
  readonly cluster: ClusterId
  /** The encoded entry by which that cluster announces itself. */
  readonly announced: Uint8Array
  /** The encoded entry that certifies the node. */
  readonly certificate: Uint8Array
  readonly node: NodeCertificate
}

/** Whose key the next entry must have. */
interface Author {
  readonly cluster: ClusterId
  readonly path: NodePath
  readonly key: Uint8Array
}

/**
 * Checks entries, each signed by whom the one before names: `root-replaced` of `cluster`, which is the fingerprint of its root's anchor, and of those between, then the successor's `cluster` and the certificates
 * from its root down to a node. Says nothing about what a ledger thinks of them.
 */
export function verifySuccession(
  primitives: Pick<Primitives, "ed25519" | "sha256">,
  cluster: ClusterId,
  chain: readonly Uint8Array[],
): Result<Succession, "MOVE_CHAIN_INVALID"> {
  const entries: Entry[] = []
  for (const [index, bytes] of chain.entries()) {
    const entry = verifyEntry(primitives, bytes)
    if (!entry.ok) return invalid(`entry ${index}: ${entry.message}`)
    entries.push(entry.value)
  }
  const replaced = successorOf(primitives, cluster, entries)
  if (!replaced.ok) return replaced
  const { length, root } = replaced.value
  const [announcement, ...certificates] = entries.slice(length)
  if (
    announcement?.statement?.kind !== "cluster" ||
    !isBy(announcement, root) ||
    !equalBytes(announcement.statement.body.anchorKey, root.key)
  )
    return invalid(`the entry with which cluster ${root.cluster.slice(0, 16)} announces itself is missing after the replacements`)
  const node = lastCertified(root, certificates)
  if (!node.ok) return node
  const [announced, certificate] = [chain[length], chain.at(-1)]
  if (announced === undefined || certificate === undefined) throw new RangeError("there are as many entries as were checked")
  return ok({ cluster: root.cluster, announced, certificate, node: node.value })
}

/** Follows the replacements at the beginning of the chain; how many there are, and the root that the last one names. */
function successorOf(
  primitives: Pick<Primitives, "sha256">,
  cluster: ClusterId,
  entries: readonly Entry[],
): Result<{ readonly length: number; readonly root: Author }, "MOVE_CHAIN_INVALID"> {
  const passed = new Set<ClusterId>([cluster])
  let [now, length] = [cluster, 0]
  let root: Author | undefined
  for (const { author, statement } of entries) {
    if (statement?.kind !== "root-replaced") break
    const { anchorKey, successor } = statement.body
    if (author.cluster !== now || author.path !== ROOT_PATH || clusterIdOf(primitives, author.key) !== now)
      return invalid(`entry ${length} is not by the root of cluster ${now.slice(0, 16)}`)
    if (clusterIdOf(primitives, anchorKey) !== successor || passed.has(successor)) return invalid(`entry ${length} names no successor`)
    passed.add(successor)
    now = successor
    root = { cluster: successor, path: ROOT_PATH, key: anchorKey }
    length++
  }
  return root === undefined ? invalid(`none of its entries replaces the root of cluster ${cluster.slice(0, 16)}`) : ok({ length, root })
}

/** The last of certificates that each hang on the one before. */
function lastCertified(root: Author, certificates: readonly Entry[]): Result<NodeCertificate, "MOVE_CHAIN_INVALID"> {
  let [above, last] = [root, undefined as NodeCertificate | undefined]
  for (const entry of certificates) {
    const { statement } = entry
    if (statement?.kind !== "node" || !isBy(entry, above) || parentPath(statement.body.path) !== above.path)
      return invalid(`what follows on ${above.path} is no certificate by it of a node below it`)
    last = statement.body
    above = { cluster: root.cluster, path: last.path, key: last.anchorKey }
  }
  return last === undefined ? invalid("it ends before any certificate of a node") : ok(last)
}

function isBy({ author }: Entry, { cluster, key, path }: Author): boolean {
  return author.cluster === cluster && author.path === path && equalBytes(author.key, key)
}

function invalid(why: string): Refusal<"MOVE_CHAIN_INVALID"> {
  return refuse(
    "MOVE_CHAIN_INVALID",
    `the entries do not show that the root of this node's cluster was replaced and the node certified below the new one: ${why}; nothing was changed, fetch the ledger again`,
  )
}
