import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { optional, wholeNumber } from "../options.ts"
import { table } from "../text.ts"

const MAX_LIMIT = 100_000
const DEFAULT_LIMIT = 1_000

/** `audit list [--from N] [--key ID] [--limit N]`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const from = wholeNumber(optional(input, "from") ?? "0", "--from", { least: 0, most: 999_999_999_999_999 })
  const limit = wholeNumber(optional(input, "limit") ?? String(DEFAULT_LIMIT), "--limit", { least: 1, most: MAX_LIMIT })
  const wanted = optional(input, "key")
  const events: AuditRow[] = []
  let next: number | null = null
  for await (const { at, operator, ...event } of nodeKeys(context).audit({ from, signal: context.signal })) {
    if (wanted !== undefined && event.key !== wanted) continue
    if (events.length === limit) {
      next = event.index
      break
    }
    events.push({ ...event, at: at.toISOString(), ...(operator === undefined ? {} : { operator }) })
  }
  const more = next === null ? "" : `\nmore follow: --from ${next}`
  return { json: { events, next }, text: events.length === 0 ? "no events" : `${eventTable(events)}${more}` }
}

interface AuditRow {
  readonly index: number
  readonly at: string
  readonly caller: string
  readonly key: string
  readonly action: string
  readonly operator?: string
  readonly outcome: string
}

/** Times to the second; the key last, because it may be long. */
function eventTable(events: readonly AuditRow[]): string {
  const rows = events.map(({ action, at, caller, index, key, operator, outcome }) => [
    String(index),
    `${at.slice(0, 19)}Z`,
    caller,
    operator === undefined ? action : `${action} ${operator}`,
    outcome,
    key,
  ])
  return table(["index", "at", "caller", "action", "outcome", "key"], rows)
}
