import { expect, test } from "vitest"
import { readNodes, type ClusterNode } from "./nodes.ts"

const phone: ClusterNode = {
  path: "/laptop/phone",
  generation: 1,
  epoch: 2,
  state: "active",
  reason: null,
  at: 7,
  owesEpoch: 3,
  self: false,
}
const gone: ClusterNode = { ...phone, path: "/server", epoch: 0, state: "revoked", reason: "retired", owesEpoch: null }
const page = (nodes: readonly unknown[], next: string | null): unknown => ({ cluster: "ab", origin: "cd", nodes, next })

test("the nodes of a cluster are read page by page", async () => {
  const asked: object[] = []
  const read = await readNodes(async (params) => {
    asked.push(params)
    return await Promise.resolve("after" in params ? page([gone], null) : page([phone], phone.path))
  })
  expect(read).toEqual({ cluster: "ab", origin: "cd", nodes: [phone, gone] })
  expect(asked).toEqual([{}, { after: "/laptop/phone" }])
})

test("an answer that is none, or that never ends, is refused", async () => {
  const reading = async (answer: unknown): Promise<unknown> => await readNodes(async () => await Promise.resolve(answer))
  for (const answer of [null, page([{ ...phone, epoch: "2" }], null), page([phone], "/")])
    await expect(reading(answer)).rejects.toMatchObject({ code: "RPC_ANSWER_INVALID" })
})
