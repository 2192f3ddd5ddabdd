import type { MethodName } from "@keygrove/api"

/**
 * The methods that a session of the console may call, and the only place that says so: what tells of the node, its tree, its key pieces and whom it trusts, and
 * a person's word on a node that waits for one. None uses a named key, opens a file, takes a passphrase, changes who is a member, or makes another link.
 */
export const CONSOLE_METHODS: ReadonlySet<MethodName> = new Set<MethodName>([
  "node.status",
  "node.list",
  "trust.list",
  "meet.start",
  "meet.enter",
  "meet.status",
  "meet.confirm",
  "meet.cancel",
  "pieces.status",
  "pieces.verify",
  "unlock.requests",
  "unlock.approve",
])
