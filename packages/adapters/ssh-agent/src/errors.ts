import type { ErrorTable } from "@keygrove/base"

export type SshAgentErrorCode = "SSH_AGENT_SOCKET_UNUSABLE" | "SSH_AGENT_SOCKET_IN_USE"

/** Codes of the agent for ssh. What it refuses to a client has none: the protocol knows one failure only. */
export const sshAgentErrors: ErrorTable<SshAgentErrorCode> = {
  SSH_AGENT_SOCKET_UNUSABLE: {
    class: "usage",
    meaning: "The agent cannot listen where it was told to.",
    remedy: "Give --socket a path in a directory of yours that nobody else can enter (mode 0700).",
  },
  SSH_AGENT_SOCKET_IN_USE: {
    class: "failed",
    meaning: "Another agent listens on the socket.",
    remedy: "Use that one, stop it, or give --socket another path.",
  },
}
