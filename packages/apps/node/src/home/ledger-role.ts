/** How a node has its ledger: as its host, from another node, in etcd, or as a copy that learns nothing new. */
export type LedgerRole = "host" | "follower" | "etcd" | "copy"

/** The role that `ledger` of a configuration names; anything else is taken for the address of a host. */
export function ledgerRoleOf(ledger: string): LedgerRole {
  if (ledger === "embedded") return "host"
  if (ledger === "copy") return "copy"
  return ledger.startsWith("etcd://") ? "etcd" : "follower"
}
