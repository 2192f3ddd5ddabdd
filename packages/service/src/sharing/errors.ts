import type { ErrorTable } from "@keygrove/base"

export type SharingErrorCode =
  | "THRESHOLD_ABOVE_SHARES"
  | "SHARES_LIMIT"
  | "EXPIRY_IN_PAST"
  | "EXPIRY_TOO_FAR"
  | "LABEL_UNKNOWN"
  | "NOT_ENOUGH_PROXIES"
  | "NO_POLICY"
  | "OWNER_ELSEWHERE"
  | "READER_KEY_INVALID"
  | "READER_REPLACED"
  | "ROOT_REPLACED"
  | "ROOT_REKEY_OVERTAKEN"
  | "MEETING_UNKNOWN"
  | "MEETING_LIMIT"
  | "NICKNAME_INVALID"
  | "NICKNAME_TAKEN"
  | "CLUSTER_NOT_TRUSTED"
  | "CLUSTER_AMBIGUOUS"
  | "UNLOCK_REQUEST_UNKNOWN"
  | "UNLOCK_NOT_SHARED"
  | "CUSTODY_JOIN_FAILED"
  | "DELEGATE_OWN_LABEL"
  | "DELEGATE_UNKNOWN"
  | "EVIDENCE_STATES_MANY"

/** Codes of granting, revoking and reading, of meeting and of trust. */
export const sharingErrors: ErrorTable<SharingErrorCode> = {
  THRESHOLD_ABOVE_SHARES: {
    class: "usage",
    meaning: "The threshold is below 1 or above the number of shares.",
    remedy: "Choose 1 ≤ m ≤ n.",
  },
  SHARES_LIMIT: { class: "usage", meaning: "More shares are asked for than a policy may have.", remedy: "Choose at most 30 shares." },
  EXPIRY_IN_PAST: { class: "usage", meaning: "The policy would have expired already.", remedy: "Choose a time in the future." },
  EXPIRY_TOO_FAR: { class: "usage", meaning: "The expiry is not a time that can be stored.", remedy: "Choose an earlier time." },
  LABEL_UNKNOWN: {
    class: "usage",
    meaning: "Nothing was encrypted under this label on this node.",
    remedy: "Check its spelling; encrypt something under it first.",
  },
  NOT_ENOUGH_PROXIES: {
    class: "peers",
    meaning: "Too few proxies offer, answer or agree.",
    remedy: "Start more proxies, wait for those that are down, or ask for fewer shares or an earlier expiry.",
  },
  NO_POLICY: {
    class: "refused",
    meaning: "The label was not granted to this node.",
    remedy: "Give your id (`keygrove id`) to the owner and ask for a grant.",
  },
  OWNER_ELSEWHERE: { class: "refused", meaning: "The policy belongs to another node.", remedy: "Do it on the node that granted it." },
  READER_KEY_INVALID: {
    class: "usage",
    meaning: "The reader's identity holds a key that is no point of the curve.",
    remedy: "Ask the reader for `keygrove id` again.",
  },
  READER_REPLACED: {
    class: "refused",
    meaning: "The reader's keys are below a root that was replaced, whose words somebody may know.",
    remedy: "Ask the reader for `keygrove id` once it has moved, and meet its people again.",
  },
  ROOT_REPLACED: {
    class: "refused",
    meaning: "Another root came in the place of this node's: it opens, serves and revokes, and neither encrypts nor grants.",
    remedy: "Move the node to the new root with `keygrove node move`.",
  },
  ROOT_REKEY_OVERTAKEN: {
    class: "refused",
    meaning: "The root stepped down for another one than that of this home's plan.",
    remedy:
      "If that was not you, somebody has the words: meet the people of trusted clusters again with a cluster of your own. Otherwise remove the file root-rekey of this home.",
  },
  MEETING_UNKNOWN: {
    class: "refused",
    meaning: "There is no such meeting on this node, or it is long over.",
    remedy: "Begin another one.",
  },
  MEETING_LIMIT: {
    class: "refused",
    meaning: "As many meetings as a node has at once are under way.",
    remedy: "Finish or cancel one of them.",
  },
  NICKNAME_INVALID: {
    class: "usage",
    meaning: "The name for a cluster has characters or a length that names do not have.",
    remedy: "Choose 1 to 32 letters, digits, spaces, . _ and -, beginning and ending with a letter or digit.",
  },
  NICKNAME_TAKEN: {
    class: "refused",
    meaning: "Another trusted cluster has that name on this node.",
    remedy: "Choose another, or rename the other one.",
  },
  CLUSTER_NOT_TRUSTED: {
    class: "refused",
    meaning: "This cluster does not trust the one that was named.",
    remedy: "See `keygrove trust list` for those that it trusts.",
  },
  CLUSTER_AMBIGUOUS: {
    class: "usage",
    meaning: "Several trusted clusters begin with these digits.",
    remedy: "Give more digits, or a nickname.",
  },
  UNLOCK_REQUEST_UNKNOWN: {
    class: "refused",
    meaning: "No locked node asked this one with such a request within the last 15 minutes.",
    remedy: "Compare the 8 digits that the locked node shows, and approve on a member that it reached.",
  },
  UNLOCK_NOT_SHARED: {
    class: "locked",
    meaning: "No storage key of this keystore is shared on the ledger, so no pieces open it.",
    remedy: "Unlock it with its passphrase; it then shares a key in the next key generation.",
  },
  CUSTODY_JOIN_FAILED: {
    class: "peers",
    meaning: "The node did not become a member: too few members took its pieces, gave theirs, or shared in the key generation.",
    remedy: "Start the nodes that the message names, and try again; nothing of the attempt is left.",
  },
  DELEGATE_OWN_LABEL: {
    class: "usage",
    meaning: "The card is of this node's own label, which opens nothing while the node is locked.",
    remedy: "Take the card of a label of another node: `keygrove id --label LABEL` there.",
  },
  DELEGATE_UNKNOWN: {
    class: "refused",
    meaning: "The ledger that this node follows does not know the owner of the label, so its grant would never be seen here.",
    remedy: "Take the card of a node on the same ledger; see `keygrove node list`, and `keygrove ledger status` on both.",
  },
  EVIDENCE_STATES_MANY: {
    class: "usage",
    meaning: "More than 4 states of a machine would be accepted as evidence, that of now among them.",
    remedy: "Give fewer `--accept-digest`; those that are given take the place of those of before.",
  },
}
