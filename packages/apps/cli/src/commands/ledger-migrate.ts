import { toHex } from "@keygrove/base"
import { migrateHomeLedger } from "@keygrove/node"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { CommandError } from "../errors.ts"
import { etcdSetting } from "../etcd-setting.ts"
import { optional } from "../options.ts"
import { startProgress } from "../progress.ts"

/** `ledger migrate --to WHERE`. */
export async function run(input: CommandInput, { home, signal, stderr }: CommandContext): Promise<CommandOutcome> {
  const to = optional(input, "to") ?? ""
  using stack = new DisposableStack()
  const started: { progress?: ReturnType<typeof startProgress> } = {}
  const onProgress = (done: number, total: number): void => {
    started.progress ??= stack.use(startProgress(stderr, "moving", total, (entries) => `${entries} entries`))
    started.progress.update(done)
  }
  const migrated = await migrateHomeLedger({ home: home.directory, to, ...etcdSetting(input), onProgress }, { signal })
  if (!migrated.ok) throw new CommandError(migrated.code, migrated.message, migrated.data === undefined ? {} : { data: migrated.data })
  const { from, head, place } = migrated.value
  const facts = { length: head.length, head: toHex(head.hash), from, to, place }
  const others = from === "embedded" || to !== "embedded" ? "" : `\nother nodes find it at ${place}`
  return { json: facts, text: `${facts.length} entries are at ${to} now; start the node with \`keygrove up\`\nhead ${facts.head}${others}` }
}
