import { decodeMeasurement } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { callNode } from "../node-call.ts"
import { optional } from "../options.ts"
import { table } from "../text.ts"

/** `pieces measure`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const pcrs = optional(input, "pcrs")
  const measured = decodeMeasurement(await callNode(context, "pieces.measure", pcrs === undefined ? {} : { pcrs }))
  const rows = measured.registers.map(({ pcr, value }) => [String(pcr), value])
  return {
    json: { ...measured },
    text: [`digest ${measured.digest}`, acceptedText(measured.isAccepted), "", table(["pcr", "sha256"], rows)].join("\n"),
  }
}

function acceptedText(isAccepted: boolean | null): string {
  if (isAccepted === null) return "no evidence of these registers is asked of this node"
  return isAccepted
    ? "the holders of this node's pieces accept it"
    : "the holders of this node's pieces do not accept it: it cannot be unlocked by them; `keygrove pieces join --evidence tpm2` names it"
}
