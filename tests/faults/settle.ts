import { setTimeout as delay } from "node:timers/promises"
import type { GroveNode } from "./world/grove-node.ts"
import { headOf } from "./workload/workload.ts"

/** How long healed nodes may take; they wait for one another, and this machine may be busy. */
const PATIENCE_MS = 120_000
const ANSWER_MS = 5_000
/** How often somebody who waits is told for what. */
const TELL_MS = 20_000
const TOLD_LINES = 6
const LOOK_MS = 200

/** Waits until every node serves and is on the ledger, as seen by an entry of its own that is acknowledged. */
export async function untilServing(nodes: readonly GroveNode[]): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      await eventually(node, async () => {
        const answer = await node.call("proxy.offer", { until: Date.now() + 86_400_000, capacity: 1_000_000 }, ANSWER_MS)
        return answer.ok ? true : `${answer.code}: ${answer.message}`
      })
    }),
  )
}

/** Waits until all nodes say the same of their ledger; returns that. */
export async function untilAgreed(nodes: readonly GroveNode[]): Promise<{ readonly length: number; readonly head: string }> {
  const [first] = nodes
  if (first === undefined) throw new RangeError("there are no nodes")
  const state: { agreed?: { readonly length: number; readonly head: string } } = {}
  await eventually(first, async () => {
    const heads = await Promise.all(nodes.map(async (node) => await headOf(node, ANSWER_MS)))
    const [head] = heads
    if (head === undefined || heads.some((each) => each?.head !== head.head))
      return `heads differ: ${nodes.map(({ name }, index) => `${name} ${heads[index]?.length ?? "silent"}`).join(", ")}`
    state.agreed = head
    return true
  })
  if (state.agreed === undefined) throw new Error("nobody agreed")
  return state.agreed
}

/** Asks again until the answer is yes; otherwise it says why not. */
export async function eventually(node: GroveNode, attempt: () => Promise<true | string>): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  let tell = performance.now() + TELL_MS
  for (;;) {
    const answer = await attempt()
    if (answer === true) return
    if (performance.now() > tell) {
      node.say(`waits for ${node.name}: ${answer}; it logged: ${node.process.lastWords(TOLD_LINES)}`)
      tell += TELL_MS
    }
    if (performance.now() > end)
      throw new Error(`after ${PATIENCE_MS / 1_000} s, ${node.name}: ${answer}; it logged: ${node.process.lastWords(20)}`)
    await delay(LOOK_MS)
  }
}
