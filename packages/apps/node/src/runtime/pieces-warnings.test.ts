import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { decodeClusterId, decodeNodePath } from "@keygrove/hierarchy"
import { emptyCustody } from "@keygrove/pieces"
import { afterAll, expect, test } from "vitest"
import { encodeConfig } from "../home/config.ts"
import { piecesWarnings } from "./pieces-warnings.ts"

const directory = mkdtempSync(join(tmpdir(), "keygrove-pieces-"))
afterAll(() => rmSync(directory, { recursive: true }))

const config = { version: 1, ledger: "embedded", listen: "/ip4/127.0.0.1/tcp/0", rpcPort: 0 } as const
const self = { cluster: unwrap(decodeClusterId("0".repeat(64))), path: unwrap(decodeNodePath("/laptop")) }
const progress = { kept: [], troubles: [], liars: [], moves: [] }

function warnings(text: string): readonly string[] {
  const path = join(directory, "config.json")
  writeFileSync(path, text)
  return piecesWarnings({ custody: emptyCustody(), self }, { home: { config: path }, progress })
}

test("a node that peers are to unlock, and that is no member, is told to join again", () => {
  expect(warnings(encodeConfig({ ...config, unlock: "pieces" }))).toEqual([
    expect.stringMatching(/no pieces with them any more; run `keygrove pieces join`/),
  ])
})

test("a node that never joined is told nothing", () => {
  expect(warnings(encodeConfig(config))).toEqual([])
  expect(warnings("no configuration")).toEqual([])
})
