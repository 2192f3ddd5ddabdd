import type { ClusterId, NodePath } from "@keygrove/hierarchy"
import { decodeClusterId, decodeNodePath } from "@keygrove/hierarchy"
import { AnswerFields, readNodes, type ClusterNode } from "keygrove/rpc"
import type { CommandContext } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { callNode } from "../node-call.ts"

/** The cluster of the node that was asked, whole. */
export interface Tree {
  readonly cluster: ClusterId
  /** Names the log that indexes count in, 64 hex digits. */
  readonly origin: string
  readonly nodes: readonly ClusterNode[]
  /** The node that was asked. */
  readonly self: NodePath
}

/** Reads the tree of the running node, page by page. */
export async function readTree(context: CommandContext): Promise<Tree> {
  const status = new AnswerFields("node.status", await callNode(context, "node.status"))
  const { cluster, nodes, origin } = await readNodes(async (params) => await callNode(context, "node.list", params))
  return { cluster: known(decodeClusterId(cluster)), origin, nodes, self: known(decodeNodePath(status.text("path"))) }
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
export function standingNode(tree: Tree, path: NodePath): ClusterNode {
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

function known<T>(
  decoded: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly code: string; readonly message: string },
): T {
  if (decoded.ok) return decoded.value
  throw new CommandError(decoded.code, decoded.message)
}
