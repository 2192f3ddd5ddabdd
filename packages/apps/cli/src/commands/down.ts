import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { waitForEnd } from "../process-end.ts"

/** A node finishes what it answers and closes its databases; more than this is not normal. */
const STOP_TIMEOUT_MS = 30_000

/** `down`: returns when the process has ended, so that the home directory may be moved or removed at once. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const pid = new AnswerFields("node.status", await callNode(context, "node.status")).number("pid")
  await callNode(context, "node.stop")
  if (await waitForEnd(pid, { timeoutMs: STOP_TIMEOUT_MS, signal: context.signal }))
    return { json: { state: "stopped", pid }, text: "stopped" }
  throw commandError(
    "STOP_TIMEOUT",
    `process ${pid} is still there after ${STOP_TIMEOUT_MS / 1000} s; see ${context.home.log}, or kill it: nothing acknowledged is lost`,
    { data: { pid } },
  )
}
