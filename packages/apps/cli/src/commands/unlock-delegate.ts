import { decodeDelegation, type DelegationState } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { delegationLines } from "../pieces/delegation-lines.ts"

/** `unlock delegate [CARD]`: how a grant of another node's label unlocks this one; without a card, how it is. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const [card] = input.operands
  const off = input.options["off"] === true
  if (off && card !== undefined) throw commandError("USAGE_INVALID", "give either a card or --off, not both")
  if (off) {
    const ended = decodeDelegation("unlock.endDelegation", await callNode(context, "unlock.endDelegation"))
    return outcome(
      ended,
      "no grant unlocks this node any more; its passphrase or key file does, and its peers where they keep pieces of it",
    )
  }
  if (card === undefined) {
    const found = decodeDelegation("unlock.delegation", await callNode(context, "unlock.delegation"))
    return outcome(found, "no label unlocks this node; give the card of another node's, which it prints with `keygrove id --label LABEL`")
  }
  return outcome(decodeDelegation("unlock.delegate", await callNode(context, "unlock.delegate", { card })), "")
}

function outcome(state: DelegationState, none: string): CommandOutcome {
  return { json: { ...state }, text: state.delegation === null ? none : delegationLines(state, state.delegation).join("\n") }
}
