import type { ErrorTable } from "@keygrove/base"

export type NodeErrorCode =
  | "HOME_MISSING"
  | "HOME_EXISTS"
  | "HOME_FOREIGN"
  | "HOME_VERSION"
  | "HOME_UNWRITABLE"
  | "HOME_PATH_TOO_LONG"
  | "CONFIG_INVALID"
  | "ALREADY_RUNNING"
  | "NODE_NOT_LOCKED"
  | "UNLOCK_UNDER_WAY"
  | "PIECES_JOIN_UNDER_WAY"
  | "PIECES_JOIN_STOPPED"
  | "RPC_PORT_IN_USE"
  | "NODE_START_FAILED"
  | "POLICY_AMBIGUOUS"
  | "NODE_NOT_ON_LEDGER"
  | "LEDGER_NOT_HOSTED"
  | "RECOVERY_KEYSTORE_FOREIGN"
  | "ROOT_REKEY_TOO_LARGE"
  | "RECOVERY_FILE_UNREADABLE"
  | "ROOT_STANDS"
  | "INVITATION_MISSING"
  | "INVITATION_FOREIGN"
  | "SSH_AGENT_ENDED"
  | "SSH_AGENTS_TOO_MANY"
  | "CONSOLE_NO_PORT"
  | "CONSOLE_LINK_INVALID"
  | "CONSOLE_SESSION_ENDED"

/** Codes of the node program. */
export const nodeErrors: ErrorTable<NodeErrorCode> = {
  HOME_MISSING: {
    class: "failed",
    meaning: "The home directory has no node.",
    remedy: "Make one with `keygrove init`, or name another directory with --home.",
  },
  HOME_EXISTS: {
    class: "usage",
    meaning: "The home directory holds a node or other files already.",
    remedy: "Choose another directory with --home; nothing was changed.",
  },
  HOME_FOREIGN: {
    class: "failed",
    meaning: "The home directory belongs to another user or is open to others.",
    remedy: "Run it as its owner, with mode 0700.",
  },
  HOME_VERSION: {
    class: "failed",
    meaning: "The home directory was written by a newer version.",
    remedy: "Update keygrove; nothing was changed.",
  },
  HOME_UNWRITABLE: {
    class: "failed",
    meaning: "The home directory cannot be written.",
    remedy: "Check its permissions and that the disk is not full.",
  },
  HOME_PATH_TOO_LONG: {
    class: "usage",
    meaning: "The home directory's path is too long for the socket in it.",
    remedy: "Choose a shorter path with --home; the message names the limit.",
  },
  CONFIG_INVALID: {
    class: "failed",
    meaning: "config.json is not what this version understands.",
    remedy: "Correct the field named in the message, or restore the file.",
  },
  ALREADY_RUNNING: {
    class: "failed",
    meaning: "A node runs on this home directory already.",
    remedy: "Use it, or stop it with `keygrove down` first.",
  },
  NODE_NOT_LOCKED: {
    class: "refused",
    meaning: "A node is to be unlocked that is not locked.",
    remedy: "Use it; there is nothing to do.",
  },
  UNLOCK_UNDER_WAY: {
    class: "failed",
    meaning: "The node's keystore is being opened at this moment.",
    remedy: "Wait a moment and look at `keygrove status`.",
  },
  PIECES_JOIN_UNDER_WAY: {
    class: "failed",
    meaning: "The node is becoming a member already.",
    remedy: "Wait for it; see keygrove pieces status.",
  },
  PIECES_JOIN_STOPPED: {
    class: "failed",
    meaning: "The node was stopped, locked, or told to leave before it was a member.",
    remedy: "Run keygrove pieces join again; nothing of the try is left.",
  },
  RPC_PORT_IN_USE: {
    class: "failed",
    meaning: "Another program listens on the JSON-RPC port.",
    remedy: "Stop it, or choose another port (`rpcPort` in config.json; 0 for none).",
  },
  NODE_START_FAILED: { class: "failed", meaning: "The node met a fault while starting.", remedy: "See its log and report it." },
  POLICY_AMBIGUOUS: { class: "usage", meaning: "Several policies begin with these digits.", remedy: "Give more digits of the id." },
  LEDGER_NOT_HOSTED: {
    class: "refused",
    meaning: "A ledger is moved by the node that hosts it, or by one that has it in etcd; etcd is pruned by one that has the ledger there.",
    remedy: "Run the command on the node that the message names.",
  },
  NODE_NOT_ON_LEDGER: {
    class: "failed",
    meaning: "The ledger does not know this node yet.",
    remedy: "Wait until the ledger's host can be reached; see `keygrove status`.",
  },
  RECOVERY_KEYSTORE_FOREIGN: {
    class: "refused",
    meaning: "The keystore given with --keystore is not that of the node to be recovered.",
    remedy: "Give the keystore.db of that node and generation; nothing was made.",
  },
  ROOT_REKEY_TOO_LARGE: {
    class: "usage",
    meaning: "A root is to be replaced for more nodes than one plan can have, or for none.",
    remedy: "Leave out the lowest nodes, and have them invited on their parents when those have moved.",
  },
  RECOVERY_FILE_UNREADABLE: {
    class: "failed",
    meaning: "A ledger, keystore or audit trail to recover from cannot be read.",
    remedy: "Check the path and its permissions; nothing was made.",
  },
  ROOT_STANDS: {
    class: "refused",
    meaning: "A node is to move to another root, and its ledger does not say that its own was replaced.",
    remedy: "Start the node once, so that it hears of it; otherwise there is nothing to do.",
  },
  INVITATION_MISSING: {
    class: "refused",
    meaning: "A node is to move to another root, and its home has no invitation to it.",
    remedy: "Start the node, which asks the others for it, or carry it there with `keygrove root rekey --invitation NAME`.",
  },
  INVITATION_FOREIGN: {
    class: "refused",
    meaning: "The invitation is for another node, or of a cluster that did not come in the place of this node's.",
    remedy: "Take the invitation for this node from the home in which `keygrove root rekey` was run.",
  },
  SSH_AGENT_ENDED: {
    class: "failed",
    meaning: "The node serves no such agent for ssh any more.",
    remedy: "Start it again with `keygrove ssh-agent`; the node's log may say why it ended.",
  },
  SSH_AGENTS_TOO_MANY: {
    class: "failed",
    meaning: "The node serves as many agents for ssh as it may.",
    remedy: "Use one of them: an agent serves several clients.",
  },
  CONSOLE_NO_PORT: {
    class: "failed",
    meaning: "The node listens on no TCP port, and so a browser cannot reach its console.",
    remedy: 'Set "rpcPort" in config.json to a free port, then restart the node with `keygrove down` and `keygrove up`.',
  },
  CONSOLE_LINK_INVALID: {
    class: "refused",
    meaning: "The link to the console was used before, is older than two minutes, or was never made by this run of the node.",
    remedy: "Make another with `keygrove console`. If somebody else used it, end all sessions with `keygrove lock`.",
  },
  CONSOLE_SESSION_ENDED: {
    class: "refused",
    meaning: "The session of the console has ended: by logging out, 15 minutes without use, 8 hours, a lock or a restart of the node.",
    remedy: "Make a link for a new one with `keygrove console`.",
  },
}
