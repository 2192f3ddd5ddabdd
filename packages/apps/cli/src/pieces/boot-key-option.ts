import { keepHomeBootKey } from "@keygrove/node"
import { homeOf } from "@keygrove/node/home"
import type { CommandContext, CommandInput } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { optional, wholeNumber } from "../options.ts"

/** How a boot key is to be kept. */
export type BootKeyChoice = { readonly kept: "plain" } | { readonly kept: "tpm"; readonly pcrs: readonly number[] }

const LAST_REGISTER = 23

/** `--boot-key` and `--boot-pcrs`; nothing when it stays as it is. */
export function bootKeyChoice(input: CommandInput): BootKeyChoice | undefined {
  const [kept, list] = [optional(input, "bootKey"), optional(input, "bootPcrs")]
  if (kept !== undefined && kept !== "plain" && kept !== "tpm")
    throw commandError("USAGE_INVALID", `--boot-key is plain or tpm, got "${kept}"`)
  if (list !== undefined && kept !== "tpm")
    throw commandError("USAGE_INVALID", "--boot-pcrs is about a sealed boot key; give --boot-key tpm with it")
  if (kept === undefined) return undefined
  return kept === "plain" ? { kept } : { kept, pcrs: list === undefined ? [] : registers(list) }
}

/** Has the boot key kept so, and says what that means. */
export async function chooseBootKey(choice: BootKeyChoice, { home, json, signal, stderr }: CommandContext): Promise<void> {
  const kept = await keepHomeBootKey(homeOf(home.directory), choice, { signal })
  if (!kept.ok) throw new CommandError(kept.code, kept.message)
  if (!json) stderr.write(`the boot key ${choiceText(choice)}${kept.value.isNew ? "; it is another one now" : ""}\n`)
}

function choiceText(choice: BootKeyChoice): string {
  if (choice.kept === "plain") return "lies in the open: whoever has this disk asks in this node's name"
  const condition = choice.pcrs.length === 0 ? "" : `, while its registers ${choice.pcrs.join(", ")} are what they are now`
  return `is sealed to this machine's TPM${condition}`
}

function registers(list: string): readonly number[] {
  const pcrs = list.split(",").map((text) => wholeNumber(text, "a register of --boot-pcrs", { least: 0, most: LAST_REGISTER }))
  if (pcrs.some((pcr, at) => at > 0 && pcr <= (pcrs[at - 1] ?? pcr)))
    throw commandError("USAGE_INVALID", `--boot-pcrs are ascending and each once, as in 0,2,4,7, got "${list}"`)
  return pcrs
}
