import type { NodeTree } from "@keygrove/api"
import { element } from "./dom.ts"
import { branchesOf, stateOf, type Branch } from "./tree-rows.ts"
import { counted } from "./wording.ts"

/** The nodes below the root, each below its parent. */
export function treeView({ next, nodes }: Pick<NodeTree, "nodes" | "next">): Node {
  const view = document.createDocumentFragment()
  const branches = branchesOf(nodes)
  const root = element(
    "div",
    { class: "node root" },
    element("span", { class: "node-name" }, "Root key"),
    element("span", { class: "node-state" }, "24 words, on paper"),
  )
  view.append(element("ul", { class: "branches" }, element("li", {}, root, listOf(branches))))
  if (next !== null)
    view.append(
      element("p", { class: "hint" }, `These are the first ${counted(nodes.length, "node")}; the command "keygrove node list" shows all.`),
    )
  return view
}

function listOf(branches: readonly Branch[]): Node | undefined {
  return branches.length === 0
    ? undefined
    : element("ul", {}, ...branches.map((branch) => element("li", {}, nodeView(branch), listOf(branch.below))))
}

function nodeView({ name, node }: Branch): Node {
  const { epoch, generation, path, self, state } = node
  const { mark, word } = stateOf(node)
  const isGone = state === "revoked" || state === "replaced"
  const keys = epoch === 0 ? "no keys yet" : `epoch ${epoch}`
  const details = `generation ${generation}, ${isGone ? `by entry ${node.at}` : keys}`
  return element(
    "div",
    { class: `node ${mark}${self ? " self" : ""}` },
    element("span", { class: "node-name", title: path }, name),
    self ? element("span", { class: "you" }, "this node") : undefined,
    element("span", { class: "node-state" }, word),
    element("span", { class: "node-keys" }, details),
  )
}
