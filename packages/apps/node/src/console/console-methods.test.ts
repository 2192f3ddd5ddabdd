import { apiMethods } from "@keygrove/api"
import { expect, test } from "vitest"
import { CONSOLE_METHODS } from "./console-methods.ts"

test("a session may look, meet and approve; nothing that opens, signs, exports, grants, revokes, stops or logs in", () => {
  const open = Object.keys(apiMethods).filter((name) => [...CONSOLE_METHODS].some((method) => method === name))
  expect(open).toHaveLength(CONSOLE_METHODS.size)
  for (const method of open)
    expect(method).toMatch(
      /^(node\.(status|list)|trust\.list|meet\.(start|enter|status|confirm|cancel)|pieces\.(status|verify)|unlock\.(requests|approve))$/,
    )
})
