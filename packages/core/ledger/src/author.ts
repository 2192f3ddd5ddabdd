import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import type { Author } from "./entry.ts"
import { findNode, hasKeys, type KeyedNode, type LedgerState, type NodeState } from "./state.ts"

/** The author's node, when the entry was signed by its anchor. */
export function anchorAuthor(state: LedgerState, author: Author): Result<NodeState, "AUTHOR_UNKNOWN" | "AUTHOR_KEY_WRONG"> {
  const node = findNode(state, author)
  if (node === undefined) return unknown(author)
  return equalBytes(node.anchorKey, author.key) ? ok(node) : refuse("AUTHOR_KEY_WRONG", `${author.path} has another anchor now`)
}

/** The author's node, when the entry was signed by its current signing key. */
export function signingAuthor(state: LedgerState, author: Author): Result<KeyedNode, "AUTHOR_UNKNOWN" | "AUTHOR_KEY_WRONG"> {
  const node = findNode(state, author)
  if (node === undefined) return unknown(author)
  if (hasKeys(node) && equalBytes(node.keys.signingKey, author.key)) return ok(node)
  return refuse("AUTHOR_KEY_WRONG", `${author.path} has another signing key now`)
}

function unknown(author: Author): Result<never, "AUTHOR_UNKNOWN"> {
  return refuse("AUTHOR_UNKNOWN", `${author.path} of cluster ${author.cluster} is not on this ledger`)
}
