import { globSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import * as v from "valibot"
import type { ErrorTable } from "@keygrove/base"

const tableShape = v.record(
  v.string(),
  v.object({
    class: v.picklist(["failed", "usage", "locked", "refused", "peers", "not-running", "interrupted"]),
    meaning: v.string(),
    remedy: v.string(),
  }),
)

/** All codes of the repository, from every `errors.ts`, and what is wrong with the tables themselves. */
export async function gatherErrorTables(root: string): Promise<{ readonly table: ErrorTable; readonly problems: readonly string[] }> {
  const problems: string[] = []
  const table: Record<string, ErrorTable[string]> = {}
  for (const file of globSync("packages/**/src/**/errors.ts", { cwd: root, exclude: (name) => name.endsWith("node_modules") }).toSorted()) {
    const exported: Readonly<Record<string, unknown>> = await import(pathToFileURL(join(root, file)).href)
    for (const name of Object.keys(exported).filter((key) => key.endsWith("Errors"))) {
      for (const [code, description] of Object.entries(v.parse(tableShape, exported[name]))) {
        const known = table[code]
        if (known !== undefined && JSON.stringify(known) !== JSON.stringify(description))
          problems.push(`${file}: ${code} is described otherwise in another table`)
        table[code] = description
      }
    }
  }
  if (Object.keys(table).length === 0) problems.push("no error table found")
  return { table, problems }
}
