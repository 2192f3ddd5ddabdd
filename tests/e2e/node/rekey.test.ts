import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { makeHome, makeStage, startNodeProcess } from "./node-process.ts"
import { ask, finishRekey, prepareRekey } from "./rekey-process.ts"

/** On a busy machine; nothing here takes a tenth of it otherwise. */
const PATIENCE = { timeout: 90_000, interval: 200 }
const DONE = { ok: true, value: { state: "done", epoch: 2 } }

test("a ledger's host and its follower rekey while the other runs, and go on together", async () => {
  await using stage = await makeStage()
  const home = await makeHome(stage.directory, "host")
  await using host = await startNodeProcess(home)
  const before = (await ask(host, "ledger.status")).text("address")
  const guest = await makeHome(stage.directory, "guest", { ledger: before })
  await using follower = await startNodeProcess(guest)
  const followed = async (): Promise<boolean> => {
    const [mine, theirs] = [await ask(host, "ledger.status"), await ask(follower, "ledger.status")]
    return mine.text("head") === theirs.text("head")
  }
  await expect.poll(async () => (await ask(follower, "node.status")).texts("warnings"), PATIENCE).toEqual([])

  expect(await finishRekey(host, await prepareRekey(host, home))).toMatchObject(DONE)
  const after = (await ask(host, "ledger.status")).text("address")
  expect(after.split("/p2p/")[0]).toBe(before.split("/p2p/")[0])
  expect(after).not.toBe(before)
  await expect.poll(followed, PATIENCE).toBe(true)
  // The follower keeps where its host is, for its next start.
  await expect.poll(() => readFileSync(guest.file("config.json"), "utf8"), PATIENCE).toContain(after)

  expect(await finishRekey(follower, await prepareRekey(follower, guest))).toMatchObject(DONE)
  const [self] = (await ask(follower, "node.list")).objects("nodes")
  expect(self?.number("epoch")).toBe(2)
  // With new keys each, both still write and read.
  const terms = { until: Date.now() + 3_600_000, capacity: 1 }
  for (const node of [follower, host]) expect(await node.call("proxy.offer", terms)).toMatchObject({ ok: true })
  await expect.poll(followed, PATIENCE).toBe(true)
  for (const node of [follower, host]) expect((await ask(node, "node.status")).texts("warnings")).toEqual([])
})
