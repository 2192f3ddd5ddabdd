import type { ClusterId, NodePath } from "@keygrove/hierarchy"
import { decodeClusterId, decodeNodePath } from "@keygrove/hierarchy"
import { AnswerFields } from "keygrove/rpc"
import type { CommandContext } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { callNode } from "../node-call.ts"

/** One node of the cluster, as `node list` shows it. */
export interface TreeNode {
  readonly path: string
  readonly generation: number
  readonly epoch: number
  readonly state: string
  readonly reason: string | null
  readonly at: number
  readonly owesEpoch: number | null
  readonly self: boolean
}

/** The cluster of the node that was asked, whole. */
export interface Tree {
  readonly cluster: ClusterId
  /** Names the log that indexes count in, 64 hex digits. */
  readonly origin: string
  readonly nodes: readonly TreeNode[]
  /** The node that was asked. */
  readonly self: NodePath
}

/** Most pages that are asked for: more nodes than a cluster can have, with those that are gone. */
const MAX_PAGES = 1_000

/** Reads the tree of the running node, page by page. */
export async function readTree(context: CommandContext): Promise<Tree> {
  const status = new AnswerFields("node.status", await callNode(context, "node.status"))
  const nodes: TreeNode[] = []
  let after: string | undefined
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = new AnswerFields("node.list", await callNode(context, "node.list", after === undefined ? {} : { after }))
    nodes.push(...page.objects("nodes").map(treeNode))
    after = page.optionalText("next")
    if (after !== undefined) continue
    return {
      cluster: known(decodeClusterId(page.text("cluster"))),
      origin: page.text("origin"),
      nodes,
      self: known(decodeNodePath(status.text("path"))),
    }
  }
  throw commandError("UNEXPECTED", `the node lists more than ${nodes.length} nodes; is it another version of keygrove?`)
}

/** A path as people give it: from the root (`/server`), or a name, which is a child of this home's node (`phone`), when there is a home. */
export function pathOperand(text: string, self: NodePath | undefined): NodePath {
  if (self === undefined && !text.startsWith("/"))
    throw commandError("USAGE_INVALID", `without a home, the node is named by its whole path, e.g. /laptop/${text}`)
  const path = decodeNodePath(text.startsWith("/") ? text : `${self}/${text}`)
  if (!path.ok) throw new CommandError(path.code, path.message)
  if (path.value === "/") throw commandError("USAGE_INVALID", "/ is the root itself, which is no node; name a node, e.g. /laptop")
  return path.value
}

/** A standing node by its path. */
export function standingNode(tree: Tree, path: NodePath): TreeNode {
  const node = tree.nodes.find((each) => each.path === path)
  if (node !== undefined && (node.state === "active" || node.state === "invited")) return node
  throw new CommandError(
    "NODE_UNKNOWN",
    `${path} is no node of this cluster${node === undefined ? "" : `: it was ${node.state}`}; see \`keygrove node list\``,
    {
      class: "refused",
    },
  )
}

function treeNode(fields: AnswerFields): TreeNode {
  const owes = fields.get("owesEpoch")
  return {
    path: fields.text("path"),
    generation: fields.number("generation"),
    epoch: fields.number("epoch"),
    state: fields.text("state"),
    reason: fields.optionalText("reason") ?? null,
    at: fields.number("at"),
    owesEpoch: owes === null ? null : fields.number("owesEpoch"),
    self: fields.boolean("self"),
  }
}

function known<T>(
  decoded: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: string; readonly message: string },
): T {
  if (decoded.ok) return decoded.value
  throw new CommandError(decoded.code, decoded.message)
}
