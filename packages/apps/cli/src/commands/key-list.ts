import type { NamedKey } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { keyJson } from "../keys/key-facts.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { table } from "../text.ts"

/** Longest id that shares its row with the rest: 80 columns, less the other four and their gaps. */
const MAX_ID_IN_ROW = 27

/** `key list`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const keys = await Array.fromAsync(nodeKeys(context).list({ signal: context.signal }))
  const json = { keys: keys.map(keyJson) }
  return { json, text: keys.length === 0 ? "no keys yet; make one with `keygrove key add`" : keyTable(keys) }
}

function keyTable(keys: readonly NamedKey[]): string {
  const rows = keys.map(({ id, state, type, versions }) => [
    id.length > MAX_ID_IN_ROW ? "" : id,
    type,
    String(versions.length),
    state,
    versions.at(-1)?.fingerprint ?? "-",
  ])
  const [header = "", ...lines] = table(["id", "type", "versions", "state", "fingerprint"], rows).split("\n")
  // A long id has a line of its own, so that it is whole and the columns stay.
  const withIds = lines.flatMap((line, index) => {
    const id = keys[index]?.id ?? ""
    return id.length > MAX_ID_IN_ROW ? [id, line] : [line]
  })
  return [header, ...withIds].join("\n")
}
