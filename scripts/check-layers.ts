import { fileURLToPath } from "node:url"
import { checkLayers } from "./layers/check.ts"

/** `node scripts/check-layers.ts [ROOT]`: exit status 1 when an import, a global or a package breaks the rules of ARCHITECTURE.md. */
const root = process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url))
const { files, imports, problems } = checkLayers(root)
for (const problem of problems) console.error(problem)
console.log(`layers: ${files} files, ${imports} imports, ${problems.length} faults`)
process.exitCode = problems.length === 0 ? 0 : 1
