import { fromHex, unwrap } from "@keygrove/base"
import { decodeClusterId, decodeEpoch, decodeGeneration, decodeNodePath } from "@keygrove/hierarchy"
import type { PreparedRekey } from "@keygrove/service"
import { AnswerFields } from "keygrove/rpc"
import { expect, test } from "vitest"
import { prepareOn } from "../node/hold-rekey.ts"
import { makeHome, makeStage, startNodeProcess, type NodeProcess, type TestHome } from "../node/node-process.ts"

const ask = async (node: NodeProcess, method: string, params?: object): Promise<AnswerFields> =>
  new AnswerFields(method, unwrap(await node.call(method, params)))

/** The ceremony for what the running node asks. */
async function prepare(node: NodeProcess, home: TestHome): Promise<PreparedRekey> {
  const asked = await ask(node, "node.rekeyBegin")
  const place = {
    cluster: unwrap(decodeClusterId(asked.text("cluster"))),
    path: unwrap(decodeNodePath(asked.text("path"))),
    generation: unwrap(decodeGeneration(asked.number("generation"))),
    epoch: unwrap(decodeEpoch(asked.number("epoch"))),
  }
  const exchange = { exchangeKey: unwrap(fromHex(asked.text("exchangeKey"))), signature: unwrap(fromHex(asked.text("signature"))) }
  return await prepareOn({ store: home.file("keystore.db"), keyFile: home.keyFile }, place, exchange)
}

const finish = async (node: NodeProcess, { entry, sealed }: PreparedRekey): Promise<unknown> =>
  await node.call("node.rekeyFinish", {
    entry: Buffer.from(entry).toString("base64"),
    sealed: Buffer.from(sealed).toString("base64"),
  })

async function kill(node: NodeProcess): Promise<void> {
  node.child.kill("SIGKILL")
  await node.ended
}

/** Starts a node that was killed; it must be in an epoch, known with it, and have nothing left to do. */
async function restarted(home: TestHome, epoch: number): Promise<NodeProcess> {
  const node = await startNodeProcess(home)
  const status = await ask(node, "node.status")
  const [self] = (await ask(node, "node.list")).objects("nodes")
  expect([status.number("epoch"), self?.number("epoch"), status.texts("warnings")]).toEqual([epoch, epoch, []])
  return node
}

test("a node killed between the steps of a rekey is in the next epoch when it starts again", { timeout: 120_000 }, async () => {
  await using stage = await makeStage()
  const home = await makeHome(stage.directory, "rekeyed")
  await using first = await startNodeProcess(home)
  // After the ceremony, before the node heard of it.
  await prepare(first, home)
  await kill(first)
  await using second = await restarted(home, 2)
  // While it takes the steps.
  void finish(second, await prepare(second, home)).catch(() => undefined)
  await kill(second)
  await using third = await restarted(home, 3)
  // After the last one.
  expect(await finish(third, await prepare(third, home))).toMatchObject({ ok: true, value: { state: "done", epoch: 4 } })
  await kill(third)
  await using fourth = await restarted(home, 4)
  expect((await ask(fourth, "ledger.status")).number("length")).toBe(6)
})
