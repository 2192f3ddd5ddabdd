import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { cliDocs } from "../packages/apps/cli/src/docs.ts"

/** Writes docs/cli.md from the command table; a test fails when the file is older than the table. */
writeFileSync(fileURLToPath(new URL("../docs/cli.md", import.meta.url)), cliDocs())
