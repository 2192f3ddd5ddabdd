import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { cliDocs } from "./docs.ts"

test("docs/cli.md was made from the command table as it is now (node scripts/write-cli-docs.ts)", () => {
  expect(readFileSync(new URL("../../../../docs/cli.md", import.meta.url), "utf8")).toBe(cliDocs())
})
