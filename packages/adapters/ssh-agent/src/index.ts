export { sshAgentErrors, type SshAgentErrorCode } from "./errors.ts"
export type { ConnectionTimes } from "./agent-connection.ts"
export type { SshAgentKeys } from "./identities.ts"
export { MAX_AGENT_CONNECTIONS, serveSshAgent, type SshAgent, type SshAgentOptions } from "./serve-ssh-agent.ts"
