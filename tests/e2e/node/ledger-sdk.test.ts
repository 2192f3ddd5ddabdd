import { Keygrove } from "keygrove"
import { afterAll, beforeAll, expect, test } from "vitest"
import { makeHome, makeStage, startNodeProcess, type NodeProcess } from "./node-process.ts"

const stack = new AsyncDisposableStack()
let directory = ""
let node: NodeProcess

beforeAll(async () => {
  const stage = stack.use(await makeStage())
  const home = await makeHome(stage.directory, "laptop")
  directory = home.directory
  node = stack.use(await startNodeProcess(home))
})

afterAll(async () => await stack.disposeAsync())

test("a program reads the ledger, takes a snapshot and drops what came before it", async () => {
  await using grove = await Keygrove.connect({ home: directory })
  expect(await grove.ledger.status()).toMatchObject({ role: "host", length: 3, prunedTo: 0, address: expect.stringContaining("/p2p/") })
  const kinds = (await Array.fromAsync(grove.ledger.entries())).map(({ kind }) => kind)
  expect(kinds).toEqual(["cluster", "node", "rekey"])
  expect(await Array.fromAsync(grove.ledger.entries({ kind: "node" }))).toMatchObject([
    { index: 1, says: "certifies /laptop, generation 1" },
  ])
  expect(await node.call("proxy.offer", { until: 4_102_444_800_000, capacity: 5 })).toMatchObject({ ok: true })
  const taken = await grove.ledger.snapshot({ prune: true })
  const status = await grove.ledger.status()
  expect(status).toMatchObject({ length: 4, prunedTo: 4, snapshot: { length: 4, head: status.head, by: "/laptop" } })
  expect(taken).toEqual(status.snapshot)
  await expect(Array.fromAsync(grove.ledger.entries({ from: 3 }))).rejects.toMatchObject({ code: "LEDGER_PRUNED" })
})
