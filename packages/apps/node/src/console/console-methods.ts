import type { MethodName } from "@keygrove/api"

/**
 * The methods that a session of the console may call, and the only place that says so: what tells of the node, its tree and whom it trusts. None
 * uses a named key, opens a file, takes a passphrase, or makes another link.
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
])
