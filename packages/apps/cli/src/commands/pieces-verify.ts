import { exitStatuses } from "@keygrove/base/exit-statuses"
import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { table } from "../text.ts"

/** `pieces verify`: the exit status is the worst of what was found. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const answer = new AnswerFields("pieces.verify", await callNode(context, "pieces.verify"))
  const pieces = answer.objects("pieces").map((piece) => ({
    owner: piece.text("owner"),
    holder: piece.text("holder"),
    generation: piece.number("generation"),
    state: piece.text("state"),
    reason: piece.optionalText("reason") ?? null,
  }))
  const bad = pieces.filter(({ state }) => state !== "proved")
  const failed = bad.some(({ state }) => state !== "unreachable")
  const proved = pieces.length - bad.length
  if (pieces.length === 0)
    return { json: { pieces, proved }, text: "no pieces are out yet, so there is nothing to prove; `keygrove pieces status` says why" }
  const summary = `${proved} of ${pieces.length} pieces are proved to be where the ledger says`
  // One line for all that a holder does not prove for the same reason.
  const groups = Map.groupBy(bad, ({ holder, reason, state }) => JSON.stringify([holder, state, reason ?? ""]))
  const rows = [...groups.values()].map((group) => [
    group[0]?.holder ?? "",
    group[0]?.state ?? "",
    group.map(({ generation, owner }) => `${owner} (generation ${generation})`).join(", "),
    group[0]?.reason ?? "",
  ])
  const text = bad.length === 0 ? summary : `${summary}\n${table(["holder", "result", "pieces of", "why"], rows)}`
  const status = bad.length === 0 ? {} : { exitStatus: exitStatuses[failed ? "refused" : "peers"] }
  return { json: { pieces, proved }, text, ...status }
}
