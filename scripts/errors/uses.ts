import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** Where a code is written out as the code of a refusal or an error. */
const MADE = /(?:\brefuse\(|\bKeygroveError\(|\bcode:)\s*"([A-Z][A-Z0-9_]*)"/g
/** Anywhere a code could be named, for the opposite question. */
const NAMED = /"([A-Z][A-Z0-9_]{3,})"/g

/** The codes that production code makes, with a place each, and every code-like string it names outside the tables. */
export function readCodeUses(root: string): { readonly made: ReadonlyMap<string, string>; readonly named: ReadonlySet<string> } {
  const made = new Map<string, string>()
  const named = new Set<string>()
  const files = globSync("packages/**/src/**/*.{ts,js}", { cwd: root, exclude: (name) => name.endsWith("node_modules") })
  for (const file of files.filter((name) => !/\.(test|contract|fixture)\.ts$|-fixture\.ts$|\/errors\.ts$/.test(name))) {
    const text = readFileSync(join(root, file), "utf8")
    for (const [, code] of text.matchAll(MADE)) if (code !== undefined && !made.has(code)) made.set(code, file)
    for (const [, code] of text.matchAll(NAMED)) if (code !== undefined) named.add(code)
  }
  return { made, named }
}
