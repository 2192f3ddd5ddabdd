import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { apiMethods } from "./index.ts"

test("docs/protocol/rpc.md lists every method with its parameters, and no other", () => {
  const document = readFileSync(join(import.meta.dirname, "..", "..", "..", "..", "docs", "protocol", "rpc.md"), "utf8")
  const rows = [...document.matchAll(/^\| `(\w+\.\w+)` \|([^|]*)\|/gm)]
  const listed = rows.map(([, name, params = ""]) => [name, [...params.matchAll(/`(\w+)`/g)].map(([, param]) => param)])
  expect(listed).toEqual(Object.entries(apiMethods).map(([name, spec]) => [name, Object.keys(spec.params)]))
})
