import type { ErrorTable } from "@keygrove/base"
import type { CustodyVoidReason } from "@keygrove/pieces"
import type { KeyChainRefusal } from "./key-chain.ts"
import type { LineageRefusal } from "./lineage.ts"
import type { VoidReason } from "./verdict.ts"

/** Codes that a ledger's readers and engines answer with. */
export type LedgerCode =
  | "ENTRY_INVALID"
  | "LEDGER_INDEX_INVALID"
  | "LEDGER_CORRUPT"
  | "LEDGER_FORKED"
  | "LEDGER_HEAD_MOVED"
  | "LEDGER_ENTRY_INVALID"
  | "LEDGER_UNREACHABLE"
  | "LEDGER_FULL"
  | "LEDGER_BUSY"
  | "LEDGER_REQUEST_INVALID"
  | "LEDGER_ANSWER_INVALID"
  | "ROOT_PLAN_INVALID"
  | "LEDGER_PRUNED"
  | "LEDGER_MOVED"
  | "LEDGER_TARGET_OTHER"
  | "LEDGER_EMPTY"
  | "LEDGER_SHARED"
  | "SNAPSHOT_INVALID"
  | "SNAPSHOT_VERSION"
  | "SNAPSHOT_SIGNER_UNKNOWN"
  | "SNAPSHOT_TOO_LARGE"

/** Codes of core/ledger: of logs, and of entries that are void; core/pieces has those of custody. */
export const ledgerErrors: ErrorTable<
  LedgerCode | Exclude<VoidReason, CustodyVoidReason> | KeyChainRefusal | LineageRefusal | "INVITATION_INVALID"
> = {
  ENTRY_INVALID: {
    class: "failed",
    meaning: "A ledger entry is malformed or its signature does not hold.",
    remedy: "Update the node that wrote it.",
  },
  LEDGER_INDEX_INVALID: {
    class: "usage",
    meaning: "A ledger index is out of range.",
    remedy: "Give an index from 0 to the ledger's length.",
  },
  LEDGER_CORRUPT: {
    class: "failed",
    meaning: "The ledger holds an entry that no honest engine accepts, or its file is damaged.",
    remedy: "Restore ledger.db from a backup, or follow another host.",
  },
  LEDGER_FORKED: {
    class: "failed",
    meaning: "The ledger's host shows another history than the one already seen.",
    remedy: "Do not trust the host; ask its owner, or follow another one.",
  },
  LEDGER_HEAD_MOVED: { class: "failed", meaning: "Others kept appending at the same moment.", remedy: "Try again." },
  LEDGER_ENTRY_INVALID: {
    class: "failed",
    meaning: "The engine refused a malformed, oversized or badly signed entry.",
    remedy: "Update this node.",
  },
  LEDGER_UNREACHABLE: {
    class: "peers",
    meaning: "The ledger's host did not answer in time.",
    remedy: "Check that the host runs and its address is right; reading works offline.",
  },
  LEDGER_FULL: {
    class: "failed",
    meaning: "The ledger has reached its size limit; only removals are accepted.",
    remedy: "Start a new ledger.",
  },
  LEDGER_BUSY: {
    class: "failed",
    meaning: "Too many requests to the ledger are under way, or another node prunes it.",
    remedy: "Wait a moment and try again.",
  },
  LEDGER_REQUEST_INVALID: {
    class: "failed",
    meaning: "A follower sent its ledger's host a request that cannot be read.",
    remedy: "Update the node that follows.",
  },
  LEDGER_ANSWER_INVALID: {
    class: "failed",
    meaning: "The ledger's host gave an answer that cannot be read.",
    remedy: "Update the host or this node.",
  },
  ROOT_PLAN_INVALID: {
    class: "failed",
    meaning: "The plan by which a root is replaced is damaged.",
    remedy: "Restore the file root-rekey of the home from a backup, or remove it and begin again with `keygrove root rekey`.",
  },
  LEDGER_PRUNED: {
    class: "failed",
    meaning: "The entry was dropped from this node's copy of the ledger, or from etcd; a snapshot is kept of what it said.",
    remedy: "Ask a node that keeps the whole ledger; a node that is behind starts from the snapshot of one of its own cluster by itself.",
  },
  LEDGER_MOVED: {
    class: "refused",
    meaning: "The ledger was moved elsewhere and takes nothing more here; the message says where it goes on.",
    remedy: "Follow it there: `keygrove ledger migrate --to WHERE` on this node, or correct `ledger` in config.json.",
  },
  LEDGER_TARGET_OTHER: {
    class: "refused",
    meaning: "The place that a ledger is to be moved to has another ledger in it.",
    remedy: "Choose an empty place, such as another prefix in etcd.",
  },
  LEDGER_EMPTY: { class: "failed", meaning: "The ledger has no entries yet.", remedy: "Wait until the node is on the ledger." },
  LEDGER_SHARED: {
    class: "refused",
    meaning: "Other clusters are on this ledger, whose nodes could not start from this cluster's snapshot.",
    remedy: "Keep all of it in etcd; `keygrove ledger snapshot --prune` drops what came before a snapshot from this node's own copy.",
  },
  SNAPSHOT_TOO_LARGE: {
    class: "failed",
    meaning: "What the ledger says is too much for a snapshot, or its key chains are too long to start from a host's.",
    remedy:
      "Nothing: the node reads the whole ledger at each start. Where the host pruned it, copy ledger.db from another node of the cluster.",
  },
  SNAPSHOT_INVALID: {
    class: "failed",
    meaning: "A snapshot of the ledger is damaged, or is of another ledger.",
    remedy: "Nothing where the whole ledger is at hand, which is read instead; otherwise take one from another node.",
  },
  SNAPSHOT_VERSION: {
    class: "failed",
    meaning: "A snapshot of the ledger was taken by another version, which judged entries in another way.",
    remedy: "Update the older one of the two nodes; where the whole ledger is at hand it is read instead.",
  },
  SNAPSHOT_SIGNER_UNKNOWN: {
    class: "refused",
    meaning: "A snapshot of the ledger is signed by nobody who is a node of this cluster.",
    remedy: "Take one from a node of the cluster that is not revoked.",
  },
  INVITATION_INVALID: {
    class: "failed",
    meaning: "An invitation is damaged, or its signatures do not hold.",
    remedy: "Copy it again, or have a new one made.",
  },
  KEY_CHAIN_ENTRY_INVALID: {
    class: "refused",
    meaning: "A key chain has a malformed or badly signed entry.",
    remedy: "Get the chain again; if it stays so, do not trust who sent it.",
  },
  KEY_CHAIN_ENTRY_FOREIGN: {
    class: "refused",
    meaning: "A key chain has an entry of another cluster, or one that says nothing about nodes.",
    remedy: "Get the chain again; if it stays so, do not trust who sent it.",
  },
  KEY_CHAIN_ENTRY_VOID: {
    class: "refused",
    meaning: "A key chain has an entry without effect: repeated, moved, or by somebody who may not write it.",
    remedy: "Get the chain again; if it stays so, do not trust who sent it.",
  },
  KEY_CHAIN_ROOT_WRONG: {
    class: "refused",
    meaning: "A key chain belongs to another root than the one expected.",
    remedy: "Compare the cluster's id with its owner; meet again when the root was replaced.",
  },
  KEY_CHAIN_TOO_LONG: {
    class: "refused",
    meaning: "A key chain has more entries than any cluster needs.",
    remedy: "Do not trust who sent it.",
  },
  KEY_CHAIN_HEAD_INVALID: {
    class: "refused",
    meaning: "The head of a key chain is malformed or badly signed.",
    remedy: "Get the chain again; if it stays so, do not trust who sent it.",
  },
  KEY_CHAIN_HEAD_WRONG: {
    class: "refused",
    meaning: "The head of a key chain is of other entries: some were left out, moved or cut off.",
    remedy: "Get the whole chain with its head again.",
  },
  KEY_CHAIN_SIGNER_UNKNOWN: {
    class: "refused",
    meaning: "The head of a key chain is signed by nobody who is a node at its end.",
    remedy: "Get the chain from a node of the cluster that is not revoked.",
  },
  KEY_CHAIN_TRUNCATED: {
    class: "refused",
    meaning: "A key chain is shorter than it was before.",
    remedy: "Get it from another node of the cluster; the sender hides something or restored an old backup.",
  },
  KEY_CHAIN_FORKED: {
    class: "refused",
    meaning: "A key chain tells another history than it did before.",
    remedy: "Do not trust it; ask the cluster's owner in person.",
  },
  KIND_UNKNOWN: { class: "refused", meaning: "The entry is of a kind that this version does not know.", remedy: "Update this node." },
  AUTHOR_UNKNOWN: { class: "refused", meaning: "The entry's author is not on the ledger.", remedy: "Have its parent certify it first." },
  AUTHOR_KEY_WRONG: {
    class: "refused",
    meaning: "The entry was signed with a key that is not the author's at this point.",
    remedy: "Start the node again so that it uses its current keys.",
  },
  CLUSTER_FINGERPRINT_WRONG: {
    class: "refused",
    meaning: "A cluster announced itself under a foreign id.",
    remedy: "Use the id that belongs to the root key.",
  },
  CLUSTER_DUPLICATE: { class: "refused", meaning: "The cluster is on the ledger already.", remedy: "Nothing: it is there." },
  CLUSTER_LIMIT: { class: "refused", meaning: "The ledger has no room for another cluster.", remedy: "Use another ledger." },
  NODE_NOT_A_CHILD: { class: "refused", meaning: "A node certified another than its own child.", remedy: "Have the parent certify it." },
  NODE_GENERATION_STALE: {
    class: "refused",
    meaning: "The node has this generation or a higher one already.",
    remedy: "Use a higher generation.",
  },
  CLUSTER_REPLACED: {
    class: "refused",
    meaning: "The cluster's root stepped down for another one; its keys only remove from then on.",
    remedy: "Use the node's certificate from the new root.",
  },
  NODE_GENERATION_UNKNOWN: {
    class: "refused",
    meaning: "The ledger never certified that generation of the node.",
    remedy: "Give one that the message names, or leave --generation out for the newest.",
  },
  NODE_UNKNOWN: {
    class: "refused",
    meaning: "The ledger has no such node, or not any more.",
    remedy: "Look for its certificate in `keygrove ledger log`.",
  },
  NODE_NOT_BELOW: {
    class: "refused",
    meaning: "A node gave orders about another that is not below it.",
    remedy: "Do it on an ancestor of the node, or with the root's words.",
  },
  NODE_LAST: {
    class: "refused",
    meaning: "The revocation would leave the cluster without any node, and does not say that this is meant.",
    remedy: "Add a node first, or say that it is the last one.",
  },
  ANCHOR_KEY_REUSED: {
    class: "refused",
    meaning: "The anchor was certified before; a removed key never comes back.",
    remedy: "Use a higher generation.",
  },
  NODE_LIMIT: { class: "refused", meaning: "The cluster has no room for another node.", remedy: "Start another cluster." },
  REKEY_GENERATION_WRONG: {
    class: "refused",
    meaning: "The rekey is for another generation of the node.",
    remedy: "Recover the node from its parent.",
  },
  REKEY_EPOCH_WRONG: {
    class: "refused",
    meaning: "The rekey does not name the next epoch.",
    remedy: "Use the epoch after the current one.",
  },
  REKEY_PREVIOUS_WRONG: {
    class: "refused",
    meaning: "The rekey does not follow the node's last one.",
    remedy: "Read the ledger to its end and try again.",
  },
  REKEY_KEY_REUSED: {
    class: "refused",
    meaning: "The signing key was used before; a key never comes back.",
    remedy: "Use the keys of the next epoch.",
  },
  REKEY_POSSESSION_UNPROVED: {
    class: "refused",
    meaning: "The rekey does not prove that its author holds the new signing key.",
    remedy: "Update the node that wrote it.",
  },
  REKEY_ORDER_STALE: {
    class: "refused",
    meaning: "The node has reached the ordered epoch, or it was ordered before.",
    remedy: "Nothing, or order a higher epoch.",
  },
  ROOT_SUCCESSOR_WRONG: {
    class: "refused",
    meaning: "The new root is the old one, or its id is not the fingerprint of its anchor.",
    remedy: "Run the root's rekey again.",
  },
  TRUST_SELF: { class: "refused", meaning: "A cluster need not trust itself.", remedy: "Meet somebody else." },
  TRUST_FINGERPRINT_WRONG: {
    class: "refused",
    meaning: "The id of the cluster to trust is not the fingerprint of its root's anchor.",
    remedy: "Meet again and compare the words.",
  },
  TRUST_STALE: {
    class: "refused",
    meaning: "Something newer about this cluster is on the ledger already.",
    remedy: "Read the ledger to its end and try again.",
  },
  TRUST_UNKNOWN: {
    class: "refused",
    meaning: "The cluster is not trusted.",
    remedy: "Look for it in `keygrove trust list`.",
  },
  TRUST_LIMIT: { class: "refused", meaning: "The cluster trusts as many others as it can.", remedy: "Remove one that nobody needs." },
  PROXY_TERMS_STALE: {
    class: "refused",
    meaning: "Newer terms of this proxy are on the ledger already.",
    remedy: "Read the ledger to its end and try again.",
  },
  POLICY_DUPLICATE: { class: "refused", meaning: "A policy with this id is on the ledger already.", remedy: "Grant again under a new id." },
  POLICY_DELEGATION_KEY_FOREIGN: {
    class: "refused",
    meaning: "The policy names a delegation key that is not its owner's current one.",
    remedy: "Grant again.",
  },
  POLICY_EPOCH_UNKNOWN: { class: "refused", meaning: "The policy is for an epoch that its owner has not reached.", remedy: "Grant again." },
  POLICY_PROXY_UNKNOWN: {
    class: "refused",
    meaning: "The policy names a proxy that is not on the ledger, or under an old key.",
    remedy: "Grant again with other proxies.",
  },
  POLICY_CONTINUES_WRONG: {
    class: "refused",
    meaning:
      "The policy continues one that does not exist, is of another node than the owner, under this root or one that it replaced, or continues a third.",
    remedy: "Name the first policy of the grant, or grant again.",
  },
  POLICY_CONTINUES_REVOKED: {
    class: "refused",
    meaning: "The policy continues a grant that was revoked.",
    remedy: "Nothing: the grant has ended; grant again if it was not meant to.",
  },
  POLICY_LIMIT: { class: "refused", meaning: "The cluster has no room for another policy.", remedy: "Revoke policies that nobody needs." },
  POLICY_UNKNOWN: { class: "refused", meaning: "The ledger has no such policy.", remedy: "Check the id with `keygrove policy list`." },
  POLICY_OWNER_WRONG: {
    class: "refused",
    meaning: "Only the policy's owner can revoke it, or a node above it, of its cluster or of one that stands for it.",
    remedy: "Revoke it on the node that granted it.",
  },
  POLICY_ALREADY_REVOKED: { class: "refused", meaning: "The policy is revoked already.", remedy: "Nothing: it has ended." },
}
