import { createAtomicFile } from "@keygrove/system"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { optional, required } from "../options.ts"
import { rootFacts } from "../root/root-facts.ts"
import { renderPdf } from "../sheet/pdf.ts"
import { drawRecoverySheet } from "../sheet/recovery-sheet.ts"
import { renderSvg } from "../sheet/svg.ts"

/** `root sheet FILE`: a page to print, with public facts only. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const file = required(input.operands[0], "FILE")
  const render = file.endsWith(".svg") ? renderSvg : file.endsWith(".pdf") ? renderPdf : undefined
  if (render === undefined)
    throw commandError("USAGE_INVALID", `the sheet is written as SVG or PDF; name it FILE.svg or FILE.pdf, not ${file}`)
  const paper = optional(input, "paper") ?? "a4"
  if (paper !== "a4" && paper !== "letter") throw commandError("USAGE_INVALID", `--paper must be a4 or letter, got "${paper}"`)
  const facts = await rootFacts(context)
  await using out = await createAtomicFile(file)
  await out.write(Buffer.from(render(drawRecoverySheet(facts, paper))))
  await out.commit()
  return {
    json: { file, paper, cluster: facts.cluster, anchor: Buffer.from(facts.anchorKey).toString("hex") },
    text: `${file}: print it, and write the words on it by hand`,
  }
}
