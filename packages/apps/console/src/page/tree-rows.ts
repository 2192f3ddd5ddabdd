import type { NodeFacts } from "@keygrove/api"

/** A node with what is below it. */
export interface Branch {
  /** Last part of the path. */
  readonly name: string
  readonly node: NodeFacts
  readonly below: readonly Branch[]
}

/** The tree of a list of nodes that has parents before their children; what has no parent in the list begins a branch of its own. */
export function branchesOf(nodes: readonly NodeFacts[]): readonly Branch[] {
  const branches = new Map<string, { readonly name: string; readonly node: NodeFacts; readonly below: Branch[] }>()
  const top: Branch[] = []
  for (const node of nodes) {
    const cut = node.path.lastIndexOf("/")
    const parent = branches.get(node.path.slice(0, cut))
    const branch = { name: parent === undefined ? node.path.slice(1) : node.path.slice(cut + 1), node, below: [] }
    branches.set(node.path, branch)
    if (parent === undefined) top.push(branch)
    else parent.below.push(branch)
  }
  return top
}

/** The state of a node in a word or two, and the kind of mark it is shown with. */
export function stateOf({ owesEpoch, reason, state }: NodeFacts): {
  readonly word: string
  readonly mark: "good" | "waiting" | "gone" | "due"
} {
  if (state === "invited") return { word: "invited", mark: "waiting" }
  if (state === "replaced") return { word: "ended with a node above it", mark: "gone" }
  if (state === "revoked") return { word: reason === null ? "revoked" : `revoked, ${reason}`, mark: "gone" }
  return owesEpoch === null ? { word: "active", mark: "good" } : { word: `owes a rekey to epoch ${owesEpoch}`, mark: "due" }
}
