import { expect, test } from "vitest"
import { ask, finishRekey, prepareRekey } from "../node/rekey-process.ts"
import { makeHome, makeStage, startNodeProcess, type NodeProcess, type TestHome } from "../node/node-process.ts"

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

test("a node killed between the steps of a rekey is in the next epoch when it starts again", { timeout: 300_000 }, async () => {
  await using stage = await makeStage()
  const home = await makeHome(stage.directory, "rekeyed")
  await using first = await startNodeProcess(home)
  // After the ceremony, before the node heard of it.
  await prepareRekey(first, home)
  await kill(first)
  await using second = await restarted(home, 2)
  // While it takes the steps.
  void finishRekey(second, await prepareRekey(second, home)).catch(() => undefined)
  await kill(second)
  await using third = await restarted(home, 3)
  // After the last one.
  expect(await finishRekey(third, await prepareRekey(third, home))).toMatchObject({ ok: true, value: { state: "done", epoch: 4 } })
  await kill(third)
  await using fourth = await restarted(home, 4)
  expect((await ask(fourth, "ledger.status")).number("length")).toBe(6)
})
