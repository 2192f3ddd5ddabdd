import type { NamedKey } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { keyJson } from "../keys/key-facts.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { table } from "../text.ts"

/** Longest id that shares its row with the rest: 80 columns, less the other four and their gaps, or five when some key is not in the keystore itself. */
const MAX_ID_IN_ROW = { four: 27, five: 18 } as const

/** `key list`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const keys = await Array.fromAsync(nodeKeys(context).list({ signal: context.signal }))
  const json = { keys: keys.map(keyJson) }
  return { json, text: keys.length === 0 ? "no keys yet; make one with `keygrove key add`" : keyTable(keys) }
}

function keyTable(keys: readonly NamedKey[]): string {
  const isOneBackend = keys.every(({ backend }) => backend === "sealed")
  const maxId = isOneBackend ? MAX_ID_IN_ROW.four : MAX_ID_IN_ROW.five
  const rows = keys.map(({ backend, id, state, type, versions }) => [
    id.length > maxId ? "" : id,
    type,
    ...(isOneBackend ? [] : [backend]),
    String(versions.length),
    state,
    versions.at(-1)?.fingerprint ?? "-",
  ])
  const [header = "", ...lines] = table(
    ["id", "type", ...(isOneBackend ? [] : ["backend"]), "versions", "state", "fingerprint"],
    rows,
  ).split("\n")
  // A long id has a line of its own, so that it is whole and the columns stay.
  const withIds = lines.flatMap((line, index) => {
    const id = keys[index]?.id ?? ""
    return id.length > maxId ? [id, line] : [line]
  })
  return [header, ...withIds].join("\n")
}
