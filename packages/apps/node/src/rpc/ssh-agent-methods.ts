import { ok, type Result } from "@keygrove/base"
import type { ApiParams, SshAgentQuestions, StartedSshAgent } from "@keygrove/api"
import type { CallOptions } from "@keygrove/service"
import type { SshAgents } from "../ssh-agents.ts"

/** What the methods about agents for ssh work on. */
interface SshAgentMethodContext {
  readonly sshAgents: SshAgents
}

type SshAgentMethod = Extract<keyof ApiParams, `sshAgent.${string}`>
type Handler<M extends SshAgentMethod> = (
  context: SshAgentMethodContext,
  params: ApiParams[M],
  options: CallOptions,
) => Promise<Result<unknown>> | Result<unknown>

/** The methods about agents for ssh. */
export const sshAgentHandlers: { readonly [M in SshAgentMethod]: Handler<M> } = {
  "sshAgent.start": async ({ sshAgents }, params, options) => {
    const started = await sshAgents.start(params, options)
    if (!started.ok) return started
    const facts: StartedSshAgent = { agent: started.value, socketPath: params.socketPath }
    return ok(facts)
  },
  "sshAgent.wait": async ({ sshAgents }, { agent, seen }, options) => {
    const waited = await sshAgents.wait(agent, seen, options)
    if (!waited.ok) return waited
    const facts: SshAgentQuestions = waited.value
    return ok(facts)
  },
  "sshAgent.answer": ({ sshAgents }, { agent, ...answer }) => {
    const answered = sshAgents.answer(agent, answer)
    return answered.ok ? ok({ open: answered.value }) : answered
  },
  "sshAgent.stop": async ({ sshAgents }, { agent }) => {
    await sshAgents.stop(agent)
    return ok({ state: "stopped" })
  },
}
