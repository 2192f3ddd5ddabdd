import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { startGrove, type GroveMember } from "../grove/grove.ts"
import { optional, wholeNumber } from "../options.ts"
import { table } from "../text.ts"

/** `dev`: a grove of real processes in a temporary directory, until ^C. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const nodes = wholeNumber(optional(input, "nodes") ?? "3", "--nodes", { least: 1, most: 8 })
  const proxies = wholeNumber(optional(input, "proxies") ?? "5", "--proxies", { least: 0, most: 16 })
  const plan = {
    nodes: numbered("node", nodes),
    readers: ["reader"],
    proxies: numbered("proxy", proxies),
    report: (line: string): void => void context.stderr.write(`${line}\n`),
  }
  await using grove = await startGrove(plan, context.signal)
  const members = grove.members.toSorted((a, b) => order(a) - order(b) || a.name.localeCompare(b.name, "en", { numeric: true }))
  const ready = { version: 1, directory: grove.directory, members }
  context.stdout.write(context.json ? `${JSON.stringify(ready)}\n` : `${describe(members, proxies)}\n`)
  await aborted(context.signal)
  if (!context.json) context.stderr.write("stopping and removing everything …\n")
  return { json: { stopped: true }, text: "" }
}

function numbered(word: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${word}-${index + 1}`)
}

function order(member: GroveMember): number {
  return ["node", "reader", "proxy"].indexOf(member.role)
}

function describe(members: readonly GroveMember[], proxies: number): string {
  const home = (role: GroveMember["role"]): string => members.find((member) => member.role === role)?.home ?? ""
  const shares = Math.max(1, Math.min(proxies, 3))
  const rows = members.map((member) => [member.role, member.name, String(member.pid), member.home])
  const examples = [
    `keygrove console --open --home ${home("node")}`,
    `keygrove encrypt FILE --label demo --home ${home("node")}`,
    `keygrove grant demo --to $(keygrove id --home ${home("reader")}) -m ${Math.max(1, shares - 1)} -n ${shares} --expires 1d --home ${home("node")}`,
    `keygrove decrypt FILE.kg -o OUT --home ${home("reader")}`,
  ]
  return `${table(["role", "name", "pid", "home"], rows)}\n\nTry:\n${examples.map((line) => `  $ ${line}`).join("\n")}\n\nRunning until ^C; then everything is removed.`
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  // A pending promise does not keep the process alive, a timer does.
  const alive = setInterval(() => undefined, 2 ** 30)
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }))
  clearInterval(alive)
}
