import type { ErrorTable } from "@keygrove/base"

export type PeeringErrorCode =
  | "PROXY_REQUEST_INVALID"
  | "PROXY_ANSWER_INVALID"
  | "RECEIPT_INVALID"
  | "NOT_OFFERING"
  | "OFFER_TOO_SHORT"
  | "CAPACITY_SPENT"
  | "FRAGMENT_HELD"
  | "FRAGMENT_UNKNOWN"
  | "OWNER_UNKNOWN"
  | "NOT_OWNER"
  | "NOT_READER"
  | "POLICY_UNKNOWN"
  | "POLICY_REVOKED"
  | "POLICY_EXPIRED"
  | "REQUEST_STALE"
  | "RATE_LIMITED"
  | "PROXY_FAILED"
  | "JOIN_MESSAGE_INVALID"
  | "JOIN_FOREIGN"
  | "JOIN_ENDED"
  | "JOIN_CLOSED"
  | "JOIN_BUSY"
  | "CHAIN_MESSAGE_INVALID"
  | "CHAIN_NOT_SERVED"
  | "MOVE_MESSAGE_INVALID"
  | "MOVE_NOT_INVITED"
  | "MEETING_CODE_INVALID"
  | "MEETING_MESSAGE_INVALID"
  | "MEETING_PROOF_WRONG"
  | "MEETING_BUSY"
  | "MEETING_TAKEN"
  | "MEETING_ORDER_WRONG"
  | "MEETING_COMMITMENT_WRONG"
  | "MEETING_IDENTITY_WRONG"
  | "MEETING_OWN_CLUSTER"
  | "MEETING_NODE_ENDED"
  | "MEETING_ROOT_REPLACED"
  | "MEETING_CHAIN_TOO_LONG"
  | "MEETING_CANCELLED"
  | "MEETING_EXPIRED"
  | "MEETING_NOT_COMPARED"
  | "PIECES_MESSAGE_INVALID"
  | "PIECES_FAILED"
  | "PIECE_OFFER_INVALID"
  | "PIECE_CONFLICT"
  | "PIECE_UNKNOWN"
  | "REDISTRIBUTION_CONTRIBUTIONS_WRONG"
  | "UNLOCK_NOT_OWNER"
  | "UNLOCK_REVOKED"
  | "UNLOCK_GENERATION"
  | "UNLOCK_TOO_OFTEN"
  | "EVIDENCE_MISSING"
  | "EVIDENCE_STALE"
  | "EVIDENCE_KEY_WRONG"
  | "EVIDENCE_MEASUREMENT_WRONG"
  | "EVIDENCE_INVALID"

/** Codes between owners, readers and proxies. */
export const peeringErrors: ErrorTable<PeeringErrorCode> = {
  PROXY_REQUEST_INVALID: {
    class: "failed",
    meaning: "A proxy was sent a message it does not understand.",
    remedy: "Use the same version of keygrove on both sides.",
  },
  PROXY_ANSWER_INVALID: {
    class: "failed",
    meaning: "A proxy's answer is not well-formed.",
    remedy: "Use the same version of keygrove on both sides, or another proxy.",
  },
  RECEIPT_INVALID: { class: "failed", meaning: "A proxy's receipt is not signed by it for this policy.", remedy: "Use another proxy." },
  NOT_OFFERING: {
    class: "refused",
    meaning: "The node offers nothing as a proxy.",
    remedy: "Choose proxies that do; `keygrove proxy offer` makes a node one.",
  },
  OFFER_TOO_SHORT: {
    class: "refused",
    meaning: "The proxy's offer ends before the policy does.",
    remedy: "Choose an earlier expiry or another proxy.",
  },
  CAPACITY_SPENT: { class: "refused", meaning: "The proxy keeps as many fragments as it offered.", remedy: "Use another proxy." },
  FRAGMENT_HELD: {
    class: "refused",
    meaning: "The proxy holds another fragment of this policy already.",
    remedy: "Use another proxy: no node may hold two.",
  },
  FRAGMENT_UNKNOWN: {
    class: "refused",
    meaning: "The proxy holds no fragment of this policy.",
    remedy: "Ask another proxy of the policy.",
  },
  OWNER_UNKNOWN: {
    class: "refused",
    meaning: "The sender is no node that the ledger knows.",
    remedy: "Wait until its statements are on the ledger.",
  },
  NOT_OWNER: { class: "refused", meaning: "The policy belongs to another node.", remedy: "Ask its owner." },
  NOT_READER: {
    class: "refused",
    meaning: "The request is not signed by the policy's reader.",
    remedy: "Ask the owner for a policy of your own.",
  },
  POLICY_UNKNOWN: { class: "refused", meaning: "The ledger has no such policy.", remedy: "Check the id with `keygrove policy list`." },
  POLICY_REVOKED: { class: "refused", meaning: "The owner revoked the policy.", remedy: "Ask the owner to grant again." },
  POLICY_EXPIRED: { class: "refused", meaning: "The policy has expired.", remedy: "Ask the owner to grant again." },
  REQUEST_STALE: {
    class: "refused",
    meaning: "The request was signed too long ago or in the future.",
    remedy: "Set the clocks of both machines.",
  },
  RATE_LIMITED: { class: "peers", meaning: "A peer asks a proxy, or a holder of key pieces, too often.", remedy: "Wait a moment." },
  PROXY_FAILED: { class: "peers", meaning: "The proxy could not do its part.", remedy: "Ask another proxy; its log tells its owner more." },
  JOIN_MESSAGE_INVALID: {
    class: "failed",
    meaning: "What a node sent to join a ledger, or was answered, is not in a form that is known here.",
    remedy: "Use the same version of keygrove on both sides.",
  },
  JOIN_FOREIGN: {
    class: "refused",
    meaning: "The statements that a node sent to join a ledger do not make it a node there.",
    remedy: "A child waits until its parent's certificate is on the ledger: start the node that invited it.",
  },
  JOIN_ENDED: {
    class: "refused",
    meaning: "The node that wants to join a ledger was revoked or replaced there.",
    remedy: "`keygrove status` says by which entry; ask for a new invitation.",
  },
  JOIN_CLOSED: {
    class: "refused",
    meaning: "The ledger's host lets in nodes of its own cluster and of those it trusts only.",
    remedy: 'Meet its people (`keygrove meet`), or have its owner set "peers" to "ledger" in config.json.',
  },
  JOIN_BUSY: { class: "peers", meaning: "Too many nodes want to join a ledger at once.", remedy: "Wait; the node tries again by itself." },
  CHAIN_MESSAGE_INVALID: {
    class: "failed",
    meaning: "A node was asked for a key chain, or gave one, in a form that is not known here.",
    remedy: "Use the same version of keygrove on both sides.",
  },
  MOVE_MESSAGE_INVALID: {
    class: "failed",
    meaning: "A node was asked for an invitation to another root, or gave one, in a form that is not known here.",
    remedy: "Use the same version of keygrove on both sides.",
  },
  MOVE_NOT_INVITED: {
    class: "refused",
    meaning: "The node that was asked has no invitation to another root for the one that asks.",
    remedy: "Take it from the home in which `keygrove root rekey` was run.",
  },
  CHAIN_NOT_SERVED: {
    class: "refused",
    meaning: "A node does not give the key chain of that cluster to this one.",
    remedy: "Meet a node of that cluster; its own nodes, and those of clusters it trusts, are given its key chain.",
  },
  MEETING_CODE_INVALID: {
    class: "usage",
    meaning: "The text is no code of a meeting, or has a typing error.",
    remedy: "Scan or copy the code again; it begins with kgmeet1.",
  },
  MEETING_MESSAGE_INVALID: {
    class: "failed",
    meaning: "A message of a meeting is not well-formed.",
    remedy: "Use the same version of keygrove on both sides.",
  },
  MEETING_PROOF_WRONG: {
    class: "refused",
    meaning: "A message does not come from a node that saw the meeting's code, or there is no such meeting any more.",
    remedy: "Have the other side show a new code and use that one; a code is good once, for five minutes.",
  },
  MEETING_BUSY: {
    class: "peers",
    meaning: "The other side of a meeting cannot go on at the moment.",
    remedy: "Wait; it is asked again by itself.",
  },
  MEETING_TAKEN: {
    class: "refused",
    meaning: "Somebody used the meeting's code before.",
    remedy: "Have a new code shown; make sure that nobody else sees it.",
  },
  MEETING_ORDER_WRONG: {
    class: "failed",
    meaning: "The other side broke the protocol of meetings.",
    remedy: "Begin another meeting, with the same version of keygrove on both sides.",
  },
  MEETING_COMMITMENT_WRONG: {
    class: "refused",
    meaning: "The other side changed its mind about who it is during the meeting.",
    remedy: "Do not trust it; begin another meeting and look who is in the room.",
  },
  MEETING_IDENTITY_WRONG: {
    class: "refused",
    meaning: "The other side of a meeting is not who it says it is.",
    remedy: "Do not trust it; begin another meeting.",
  },
  MEETING_OWN_CLUSTER: {
    class: "refused",
    meaning: "The other side is a node of this cluster.",
    remedy: "Meet a node of another person; nodes of one cluster know each other.",
  },
  MEETING_NODE_ENDED: {
    class: "refused",
    meaning: "The other side's node was revoked or replaced, or has another key by now.",
    remedy: "Meet another node of that cluster; if it has just rekeyed, try again in a moment.",
  },
  MEETING_ROOT_REPLACED: {
    class: "refused",
    meaning: "The root of a side's cluster stepped down for another.",
    remedy: "Meet with a node of the new cluster.",
  },
  MEETING_CHAIN_TOO_LONG: {
    class: "failed",
    meaning: "The other cluster's key chain is longer than a meeting takes.",
    remedy: "Report it with the number of its nodes.",
  },
  MEETING_CANCELLED: { class: "refused", meaning: "A side gave the meeting up.", remedy: "Begin another one." },
  MEETING_EXPIRED: {
    class: "refused",
    meaning: "The meeting was not finished in time.",
    remedy: "Begin another one; it takes five minutes at most.",
  },
  MEETING_NOT_COMPARED: {
    class: "refused",
    meaning: "There are no words to confirm now.",
    remedy: "See how far the meeting is; confirm when the four words are shown.",
  },
  PIECES_MESSAGE_INVALID: {
    class: "failed",
    meaning: "A node was asked about key pieces, or answered, in a form that is not known here.",
    remedy: "Use the same version of keygrove on both sides.",
  },
  PIECES_FAILED: {
    class: "peers",
    meaning: "A holder of key pieces could not do its part.",
    remedy: "Ask other holders; its log tells its owner more.",
  },
  PIECE_OFFER_INVALID: {
    class: "failed",
    meaning: "A piece was offered with another index, number of commitments or sender than its holder, key generation and owner have.",
    remedy: "Read the ledger to its end on both sides; use the same version of keygrove.",
  },
  PIECE_CONFLICT: {
    class: "refused",
    meaning: "The holder keeps another piece of this owner and key generation, and none holds two.",
    remedy: "Nothing: the owner shares again in the next key generation.",
  },
  PIECE_UNKNOWN: {
    class: "refused",
    meaning: "The node that was asked keeps no piece of that sharing.",
    remedy: "Ask another holder; `keygrove pieces status` names them.",
  },
  REDISTRIBUTION_CONTRIBUTIONS_WRONG: {
    class: "refused",
    meaning: "What a coordinator hands on is not of as many standing holders as the older sharing needs, each once and under its own key.",
    remedy: "Nothing: another attempt begins by itself.",
  },
  UNLOCK_NOT_OWNER: {
    class: "refused",
    meaning: "Who asks for pieces does not have the boot key of their owner, or that is no member any more.",
    remedy: "Unlock the node with its passphrase; it says what its boot key is by itself.",
  },
  UNLOCK_REVOKED: {
    class: "refused",
    meaning: "The node was revoked or replaced: its pieces are not given back.",
    remedy: "See `keygrove node list` on another node of the cluster.",
  },
  UNLOCK_GENERATION: {
    class: "refused",
    meaning: "Pieces were asked for of a sharing that the ledger does not have, or no more.",
    remedy: "Let the locked node read the ledger to its end; it tries again by itself.",
  },
  EVIDENCE_MISSING: {
    class: "refused",
    meaning: "The ledger asks for evidence of the owner's machine, and none came with the request.",
    remedy:
      "Start the node on the machine whose TPM it joined with; or unlock it with its passphrase, then `keygrove pieces join --evidence tpm2`, or `none`.",
  },
  EVIDENCE_STALE: {
    class: "refused",
    meaning: "Evidence names no nonce of this holder that is unused and younger than two minutes, or is about another request.",
    remedy: "Nothing: the locked node makes it anew in its next round. When it stays so, somebody replays evidence.",
  },
  EVIDENCE_KEY_WRONG: {
    class: "refused",
    meaning: "Evidence is not signed by the TPM that the owner had when it joined: the disk is in another machine, or the TPM was cleared.",
    remedy: "If that is meant, unlock the node with its passphrase, then `keygrove pieces join --evidence tpm2`. Else revoke it.",
  },
  EVIDENCE_MEASUREMENT_WRONG: {
    class: "refused",
    meaning:
      "The owner's machine booted something else than its owner named: the digest of its registers is none of those on the ledger, or of others.",
    remedy: "If that is meant, as after an update, unlock the node with its passphrase, then `keygrove pieces join --evidence tpm2`.",
  },
  EVIDENCE_INVALID: {
    class: "failed",
    meaning: "Evidence is no quote of a TPM that is accepted.",
    remedy: "Use the same version of keygrove on both sides; unlock the node with its passphrase meanwhile.",
  },
  UNLOCK_TOO_OFTEN: {
    class: "refused",
    meaning: "A holder was asked to unlock the node five times within an hour.",
    remedy: "Wait an hour, or use the passphrase; see who starts that node so often.",
  },
}
