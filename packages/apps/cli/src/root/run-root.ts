import { openRoot, type RootAct, type RootOutcome } from "@keygrove/node"
import type { CommandContext, CommandInput } from "../command.ts"
import { CommandError } from "../errors.ts"
import { expectedCluster } from "./expected-cluster.ts"
import { checkStandardInput, openRootSources } from "./root-sources.ts"

/** Has the keystore program read the root and do one thing with it; what it refuses ends the command. */
export async function runRoot(input: CommandInput, context: CommandContext, act: RootAct): Promise<RootOutcome> {
  const cluster = await expectedCluster(input, context)
  checkStandardInput(input)
  using sources = openRootSources(input)
  const outcome = await openRoot({ ...sources, cluster, act }, { signal: context.signal })
  if (outcome.ok) return outcome.value
  throw new CommandError(outcome.code, outcome.message, outcome.data === undefined ? {} : { data: outcome.data })
}
