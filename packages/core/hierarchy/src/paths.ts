import { refuse, unwrap, type Result } from "@keygrove/base"
import { decodeNodeName, decodeNodePath, type ClusterId, type NodeName, type NodePath } from "./names.ts"

/** The root key's own path. */
export const ROOT_PATH: NodePath = unwrap(decodeNodePath("/"))

/** A node anywhere: its cluster and its path there. */
export interface NodeReference {
  readonly cluster: ClusterId
  readonly path: NodePath
}

/** The names along a path, none for the root. */
export function pathNames(path: NodePath): readonly NodeName[] {
  if (path === ROOT_PATH) return []
  return path
    .slice(1)
    .split("/")
    .map((name) => unwrap(decodeNodeName(name)))
}

/** The parent's path; `undefined` for the root. */
export function parentPath(path: NodePath): NodePath | undefined {
  if (path === ROOT_PATH) return undefined
  const cut = path.lastIndexOf("/")
  return cut === 0 ? ROOT_PATH : unwrap(decodeNodePath(path.slice(0, cut)))
}

/** The path of a child; refuses a bad name and a depth over 8. */
export function childPath(parent: NodePath, name: string): Result<NodePath, "PATH_INVALID"> {
  if (name.includes("/")) return refuse("PATH_INVALID", "a node name has no /")
  return decodeNodePath(parent === ROOT_PATH ? `/${name}` : `${parent}/${name}`)
}

/** Whether `path` lies strictly below `ancestor`. */
export function isBelow(path: NodePath, ancestor: NodePath): boolean {
  if (path === ancestor) return false
  return ancestor === ROOT_PATH || path.startsWith(`${ancestor}/`)
}

/** Whether two references name the same node. */
export function isSameNode(a: NodeReference, b: NodeReference): boolean {
  return a.cluster === b.cluster && a.path === b.path
}
