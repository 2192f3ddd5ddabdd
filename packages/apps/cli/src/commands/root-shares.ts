import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { optional, required, wholeNumber } from "../options.ts"
import { runRoot } from "../root/run-root.ts"
import { fields } from "../text.ts"

/** SLIP-39 numbers the shares of a group in four bits. */
const MAX_SHARES = 16

/** `root shares -m M -n N`: shares on paper, or in files. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const limits = { least: 1, most: MAX_SHARES }
  const threshold = wholeNumber(required(input.options["threshold"], "-m"), "-m", limits)
  const count = wholeNumber(required(input.options["sharesCount"], "-n"), "-n", limits)
  if (threshold > count) throw commandError("USAGE_INVALID", `-m ${threshold} of -n ${count}: no more shares can be needed than there are`)
  if (threshold === 1 && count > 1)
    throw commandError(
      "USAGE_INVALID",
      `-m 1 of -n ${count}: each share would be the whole root; SLIP-39 has that with -n 1 only, and copies of the words do the same`,
    )
  const out = optional(input, "out")
  const { cluster, files } = await runRoot(input, context, { kind: "shares", threshold, count, ...(out === undefined ? {} : { out }) })
  const rows: readonly (readonly [string, string])[] = [
    ["shares", `${count} of cluster ${cluster}; any ${threshold} open its root`],
    ...files.map((file): readonly [string, string] => ["file", file]),
    ["next", files.length > 0 ? "give each to another person or place, and remove the files" : "give each to another person or place"],
  ]
  return { json: { cluster, threshold, count, files }, text: fields(rows) }
}
