import { readHomeFacts } from "@keygrove/node/home-facts"
import type { CommandContext, CommandInput } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { optional } from "../options.ts"

/**
 * The cluster that the words must belong to: of `--cluster`, else of the home.
 * @throws CommandError `USAGE_INVALID` when the option is malformed; what the home refuses, with its own code.
 */
export async function expectedCluster(input: CommandInput, context: CommandContext): Promise<string> {
  const option = optional(input, "cluster")
  if (option !== undefined) return await clusterDigits(option)
  const facts = readHomeFacts(context.home.directory)
  if (facts.ok) return facts.value.cluster
  const remedy = facts.code === "HOME_MISSING" ? "; or give --cluster ID" : ""
  throw new CommandError(facts.code, `${facts.message}${remedy}`)
}

/** Hex digits of a cluster's id from what a person gives: the id, its first digits, or the address that a recovery sheet's QR code has. */
export async function clusterDigits(text: string): Promise<string> {
  if (text.startsWith("keygrove:")) {
    // Curves are loaded for that alone.
    const [{ decodeRootUri }, { nativePrimitives }] = await Promise.all([import("@keygrove/hierarchy"), import("@keygrove/curves-native")])
    const facts = decodeRootUri(nativePrimitives, text)
    if (facts.ok) return facts.value.cluster
    throw new CommandError(facts.code, facts.message)
  }
  const digits = text.toLowerCase().replaceAll(" ", "")
  if (/^[0-9a-f]{8,64}$/.test(digits)) return digits
  throw commandError(
    "USAGE_INVALID",
    "--cluster needs 8 to 64 hex digits of a cluster's id; `keygrove status` and the recovery sheet have it",
  )
}
