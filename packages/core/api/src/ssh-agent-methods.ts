import type { MethodSpec } from "./method-spec.ts"
import type { ParamSpec } from "./params.ts"

type Agent = Readonly<Record<"agent", string>>

/** Decoded parameters of the methods about agents for ssh. */
export interface SshAgentApiParams {
  readonly "sshAgent.start": { readonly socketPath: string; readonly confirms: boolean }
  readonly "sshAgent.wait": Agent & { readonly seen: number }
  readonly "sshAgent.answer": Agent & { readonly question: number; readonly agreed: boolean }
  readonly "sshAgent.stop": Agent
}

/** Answer of `sshAgent.start`. */
export interface StartedSshAgent {
  /** What the other methods name it by. */
  readonly agent: string
  readonly socketPath: string
}

/** Answer of `sshAgent.wait`. */
export interface SshAgentQuestions {
  /** Grows whenever a question is asked, answered or withdrawn; to give as `seen` next. */
  readonly revision: number
  /** Those that wait for an answer, oldest first. */
  readonly questions: readonly { readonly question: number; readonly key: string }[]
}

const agent: ParamSpec = { type: "text", maxLength: 32, description: "what sshAgent.start answered" }

/** The methods about agents for ssh. An agent lives as long as whoever started it waits for its questions. */
export const sshAgentMethods: { readonly [M in keyof SshAgentApiParams]: MethodSpec } = {
  "sshAgent.start": {
    summary: "Serves ed25519 and p256 keys to ssh on a Unix socket, until sshAgent.stop or 5 s without a call of sshAgent.wait.",
    params: {
      socketPath: {
        type: "text",
        maxLength: 4_096,
        description: "absolute path of the socket, in a directory that only its owner may enter",
      },
      confirms: {
        type: "boolean",
        description: "whether the caller asks a person about keys whose rules want it; they are refused if not",
      },
    },
  },
  "sshAgent.wait": {
    summary: "The open questions of an agent, once they are others than those seen, or after 30 s.",
    params: {
      agent,
      seen: { type: "integer", min: 0, max: Number.MAX_SAFE_INTEGER, description: "`revision` of the answer before; 0 at first" },
    },
  },
  "sshAgent.answer": {
    summary: "Says whether a key may sign this once; without effect when the question is not open any more.",
    params: {
      agent,
      question: { type: "integer", min: 1, max: Number.MAX_SAFE_INTEGER, description: "which question" },
      agreed: { type: "boolean", description: "whether the key may sign" },
    },
  },
  "sshAgent.stop": { summary: "Ends an agent and removes its socket.", params: { agent } },
}
