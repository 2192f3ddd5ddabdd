import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { optional } from "../options.ts"
import { namesRoot } from "../root/root-sources.ts"
import { beginRootRekey } from "../root/begin-root-rekey.ts"
import { plannedInvitation, readPlan, rekeyOutcome, rekeyStatus } from "../root/root-rekey-plan.ts"

/** `root rekey`: begins it, or tells how far it is where it was begun. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const plan = readPlan(context)
  const name = optional(input, "invitation")
  if (name !== undefined) return plannedInvitation(plan, name)
  if (plan === undefined) return await beginRootRekey(input, context)
  const asksToBegin = namesRoot(input) || ["wordsOut", "codeOut", "ledger", "yes"].some((option) => input.options[option] !== undefined)
  if (asksToBegin)
    throw commandError("ROOT_REKEY_UNDER_WAY", "this home has a plan already by which the root is replaced; see `keygrove root rekey`")
  return rekeyOutcome(await rekeyStatus(context), Date.now())
}
