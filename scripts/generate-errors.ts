import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { ErrorClass, ErrorTable } from "@keygrove/base"
import { gatherErrorTables } from "./errors/tables.ts"
import { readCodeUses } from "./errors/uses.ts"

/** Codes that other programs gave us; they reach a person only inside the message of a code of ours. */
const FOREIGN = new Set<string>(["ERR_MODULE_NOT_FOUND"])
const EXIT_STATUS: Readonly<Record<ErrorClass, number>> = {
  failed: 1,
  usage: 2,
  locked: 3,
  refused: 4,
  peers: 5,
  "not-running": 6,
  interrupted: 130,
}

/** `node scripts/generate-errors.ts [--check]`: writes docs/errors.md, or says how it, the tables and the code differ. */
const root = fileURLToPath(new URL("..", import.meta.url))
const target = `${root}docs/errors.md`
const { table, problems: broken } = await gatherErrorTables(root)
const { made, named } = readCodeUses(root)
const text = render(table)
const check = process.argv.includes("--check")
const drifted = check && (!existsSync(target) || readFileSync(target, "utf8") !== text)
const problems = [
  ...broken,
  ...[...made].filter(([code]) => !(code in table) && !FOREIGN.has(code)).map(([code, file]) => `${file}: ${code} is in no error table`),
  ...Object.keys(table)
    .filter((code) => !named.has(code))
    .map((code) => `${code} is in a table, but nothing makes it`),
  ...(drifted ? ["docs/errors.md is not what the tables say; run npm run docs"] : []),
]
for (const problem of problems) console.error(problem)
if (!check) writeFileSync(target, text)
console.log(`errors: ${Object.keys(table).length} codes, ${problems.length} faults`)
process.exitCode = problems.length === 0 ? 0 : 1

function render(codes: ErrorTable): string {
  const rows = Object.entries(codes)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { class: kind, meaning, remedy }]) => `| \`${code}\` | ${EXIT_STATUS[kind]} | ${cell(meaning)} | ${cell(remedy)} |`)
  return `# Errors

Every code that Keygrove answers with, on the command line (\`CODE: message\` on stderr), in JSON-RPC (\`error.data.code\`) and in the SDK (\`error.code\`).
Codes are stable; messages are not. Exit status: 1 failed · 2 usage · 3 locked · 4 refused · 5 not enough peers or proxies · 6 not running ·
130 interrupted.
Made by \`npm run docs\` from the tables in the packages; do not edit.

| code | exit | what happened | what to do |
| --- | --- | --- | --- |
${rows.join("\n")}
`
}

function cell(words: string): string {
  return words.replaceAll("|", "\\|")
}
