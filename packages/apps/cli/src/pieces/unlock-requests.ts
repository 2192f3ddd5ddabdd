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

/** Those that asked this node, who asked last first: of a node that was started again, that is the one that waits now. */
export async function readRequests(context: CommandContext): Promise<readonly WaitingNode[]> {
  const answer = new AnswerFields("unlock.requests", await callNode(context, "unlock.requests"))
  const requests = answer.objects("requests").map((each) => ({
    node: each.text("node"),
    request: each.text("request"),
    askedAt: each.number("askedAt"),
    approved: each.boolean("approved"),
  }))
  return requests.toSorted((a, b) => b.askedAt - a.askedAt)
}
