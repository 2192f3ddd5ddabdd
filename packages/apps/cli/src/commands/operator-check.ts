import { resolve } from "node:path"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { CommandError } from "../errors.ts"
import { required } from "../options.ts"

/** `operator check FILE`: whether a keystore would take a module, and the digest for config.json. Needs no node; nothing of the module is called. */
export async function run(input: CommandInput, { signal }: CommandContext): Promise<CommandOutcome> {
  const file = resolve(required(input.operands[0], "FILE"))
  const [{ checkOperatorModule }, { operatorWorkerPath }] = await Promise.all([
    import("@keygrove/operators"),
    import("@keygrove/node/program-path"),
  ])
  const checked = await checkOperatorModule(file, operatorWorkerPath(), { signal })
  if (!checked.ok) throw new CommandError(checked.code, checked.message)
  const { sha256 } = checked.value
  const setting = { module: file, sha256 }
  return { json: setting, text: `exports a function; for "operators" in config.json:\n${JSON.stringify(setting)}` }
}
