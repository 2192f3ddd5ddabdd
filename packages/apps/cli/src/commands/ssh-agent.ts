import { join, resolve } from "node:path"
import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { optional } from "../options.ts"
import { AgentTerminal } from "../ssh-agent/agent-terminal.ts"

/** How long the node may take to end the agent after ^C. */
const STOP_TIMEOUT_MS = 5_000

/** `ssh-agent [--socket PATH]`: the node serves the agent until ^C; this process is its terminal. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const socketPath = resolve(optional(input, "socket") ?? join(context.home.directory, "ssh-agent.sock"))
  // What is no terminal has no such field.
  const confirms = Boolean(context.stdin.isTTY && context.stderr.isTTY)
  const started = new AnswerFields("sshAgent.start", await callNode(context, "sshAgent.start", { socketPath, confirms }))
  const agent = started.text("agent")
  const socket = started.text("socketPath")
  const line = context.json ? JSON.stringify({ version: 1, socket, confirms }) : `SSH_AUTH_SOCK=${quoted(socket)}; export SSH_AUTH_SOCK;`
  context.stdout.write(`${line}\n`)
  await followQuestions(agent, context)
  // The signal of this command has fired.
  await callNode({ home: context.home, signal: AbortSignal.timeout(STOP_TIMEOUT_MS) }, "sshAgent.stop", { agent })
  return { json: { state: "stopped", socket }, text: "" }
}

/** Hands the agent's questions to the terminal until ^C. When it throws, the node has no agent any more, or cannot be asked. */
async function followQuestions(agent: string, context: CommandContext): Promise<void> {
  const over = new AbortController()
  const caller = { home: context.home, signal: AbortSignal.any([context.signal, over.signal]) }
  const terminal = new AgentTerminal({
    terminal: context,
    answer: async (question, agreed) => void (await callNode(caller, "sshAgent.answer", { agent, question, agreed })),
    over: () => over.abort(),
  })
  try {
    for (let seen = 0; !caller.signal.aborted;) {
      const fields = new AnswerFields("sshAgent.wait", await callNode(caller, "sshAgent.wait", { agent, seen }))
      seen = fields.number("revision")
      terminal.show(fields.objects("questions").map((each) => ({ question: each.number("question"), key: each.text("key") })))
    }
  } catch (error) {
    if (!caller.signal.aborted) throw error
  } finally {
    await terminal.close()
  }
}

/** A path as a shell reads it. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}
