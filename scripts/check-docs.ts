import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as v from "valibot"
import { cliDocs } from "../packages/apps/cli/src/docs.ts"
import { commands } from "../packages/apps/cli/src/commands.ts"
import { judgeDocument, judgePrivacy } from "./documents/rules.ts"

/** `node scripts/check-docs.ts`: documents name only what exists, and no file says more than it should. */
const root = fileURLToPath(new URL("..", import.meta.url))
const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0")
const files = tracked.filter((file) => file !== "" && existsSync(join(root, file)))
const { scripts } = v.parse(
  v.object({ scripts: v.record(v.string(), v.string()) }),
  JSON.parse(readFileSync(join(root, "package.json"), "utf8")),
)
const read = (file: string): string => readFileSync(join(root, file), "utf8")
const known = { files: new Set(files), read, npmScripts: new Set(Object.keys(scripts)), commands }

const documents = files.filter((file) => file.endsWith(".md") && !/^(vectors|tests)\//.test(file))
const problems = [
  ...(documents.includes("README.md") ? [] : ["README.md is missing"]),
  ...documents.flatMap((file) => judgeDocument(file, read(file), known)),
  ...files.filter((file) => !file.startsWith("vectors/")).flatMap((file) => judgePrivacy(file, read(file))),
  ...(read("docs/cli.md") === cliDocs() ? [] : ["docs/cli.md is not what the command table says; run npm run docs"]),
]
for (const problem of problems) console.error(problem)
console.log(`documents: ${documents.length} documents, ${files.length} files, ${problems.length} faults`)
process.exitCode = problems.length === 0 ? 0 : 1
