import { ok, refuse, toHex, type Result } from "@keygrove/base"
import type { Epoch, Generation, NodePath, NodeReference } from "@keygrove/hierarchy"
import type { JudgedEntry } from "./chain.ts"
import type { LedgerIndex } from "./head.ts"

/** One generation of a node, as the history of a ledger has it for ever: also when it was replaced or revoked long ago. */
export interface NodeGeneration extends NodeReference {
  readonly generation: Generation
  /** Ed25519, 32 bytes. */
  readonly anchorKey: Uint8Array
  /** The anchor that certified it: of one generation of its parent, or of the root. */
  readonly certifiedBy: Uint8Array
  readonly certifiedAt: LedgerIndex
  /** The last epoch that it named, and where; absent for one that was never heard of. */
  readonly lastRekey?: { readonly epoch: Epoch; readonly at: LedgerIndex }
}

/** A node's generation and those above it that it descends from, from just below the root down to itself. */
export type Lineage = readonly [...above: NodeGeneration[], node: NodeGeneration]

export type LineageRefusal = "NODE_UNKNOWN" | "NODE_GENERATION_UNKNOWN"

/** Collects every generation that a ledger ever certified. The state of a ledger forgets those that are gone; who recovers what they encrypted needs them. */
export class NodeHistory {
  /** By the hex of the anchor, which never comes back. */
  readonly #byAnchor: Map<string, NodeGeneration> = new Map()
  /** By cluster and path, oldest first. */
  readonly #byNode: Map<string, string[]> = new Map()

  /** Takes the next entry of a ledger with what became of it; those without effect tell nothing. */
  record({ entry, index, verdict }: JudgedEntry): void {
    const { author, statement } = entry
    if (verdict.kind !== "applied" || statement === undefined) return
    if (statement.kind === "node") {
      const { anchorKey, generation, path } = statement.body
      const anchor = toHex(anchorKey)
      this.#byAnchor.set(anchor, { cluster: author.cluster, path, generation, anchorKey, certifiedBy: author.key, certifiedAt: index })
      const name = nameOf({ cluster: author.cluster, path })
      const known = this.#byNode.get(name)
      if (known === undefined) this.#byNode.set(name, [anchor])
      else known.push(anchor)
    }
    if (statement.kind === "rekey") {
      const node = this.#byAnchor.get(toHex(author.key))
      if (node !== undefined) this.#byAnchor.set(toHex(author.key), { ...node, lastRekey: { epoch: statement.body.keys.epoch, at: index } })
    }
  }

  /** The clusters in which a path was ever certified. */
  clustersOf(path: NodePath): readonly NodeReference["cluster"][] {
    return [...new Set([...this.#byAnchor.values()].filter((node) => node.path === path).map(({ cluster }) => cluster))]
  }

  /**
   * The generations that a node's secret derives through. What counts is who certified it, not who stands: a child may descend from a generation of its parent that has been
   * replaced since.
   * @param generation the newest when absent.
   */
  lineageOf(node: NodeReference, generation?: number): Result<Lineage, LineageRefusal> {
    const generations = (this.#byNode.get(nameOf(node)) ?? []).flatMap((anchor) => this.#byAnchor.get(anchor) ?? [])
    const newest = generations.at(-1)
    if (newest === undefined)
      return refuse("NODE_UNKNOWN", `${node.path} is no node of cluster ${node.cluster.slice(0, 16)} and never was; check the name`)
    const wanted = generation === undefined ? newest : generations.find((each) => each.generation === generation)
    if (wanted === undefined) {
      const known = generations.map((each) => each.generation).join(", ")
      return refuse("NODE_GENERATION_UNKNOWN", `${node.path} never had generation ${generation}; the ledger knows ${known}`)
    }
    const above: NodeGeneration[] = []
    for (let parent = this.#parentOf(wanted); parent !== undefined; parent = this.#parentOf(parent)) above.unshift(parent)
    return ok([...above, wanted])
  }

  /** `undefined` above what the root certified: the root's own anchor is certified by nobody. */
  #parentOf({ certifiedBy }: NodeGeneration): NodeGeneration | undefined {
    return this.#byAnchor.get(toHex(certifiedBy))
  }
}

function nameOf({ cluster, path }: NodeReference): string {
  return `${cluster}${path}`
}
