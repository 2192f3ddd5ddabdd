import { AnswerFields } from "keygrove/rpc"
import type { CommandContext } from "../command.ts"
import { callNode } from "../node-call.ts"

/** A locked node that waits for a person's word. */
export interface WaitingNode {
  readonly node: string
  readonly request: string
  readonly askedAt: number
  readonly approved: boolean
}

/** Those that asked this node. */
export async function readRequests(context: CommandContext): Promise<readonly WaitingNode[]> {
  const answer = new AnswerFields("unlock.requests", await callNode(context, "unlock.requests"))
  return answer.objects("requests").map((each) => ({
    node: each.text("node"),
    request: each.text("request"),
    askedAt: each.number("askedAt"),
    approved: each.boolean("approved"),
  }))
}
