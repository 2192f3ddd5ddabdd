import { readFileSync } from "node:fs"
import { MAX_INVITATION_CHARACTERS } from "@keygrove/ledger"
import type { CommandInput } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { optional } from "../options.ts"
import { errnoOf } from "../passphrase-source.ts"

/**
 * The invitation itself, or what a file or standard input holds.
 * @throws CommandError `FILE_UNREADABLE`.
 */
export function invitationText(operand: string, input: CommandInput): string {
  if (operand.trim().toLowerCase().startsWith("kginvite1")) return operand
  if (operand === "-" && (optional(input, "codeFile") === "-" || optional(input, "passphraseFile") === "-"))
    throw commandError(
      "USAGE_INVALID",
      "only one of the invitation, the code and the passphrase can come from standard input; put the others in files",
    )
  try {
    return readFileSync(operand === "-" ? 0 : operand, "utf8").slice(0, MAX_INVITATION_CHARACTERS + 1_024)
  } catch (cause) {
    throw new CommandError(
      "FILE_UNREADABLE",
      `the invitation ${operand} cannot be read (${errnoOf(cause)}); check the path and its permissions`,
      {
        class: "failed",
        cause,
      },
    )
  }
}
