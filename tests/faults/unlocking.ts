import { setTimeout as delay } from "node:timers/promises"
import { fieldsOf } from "./fields.ts"
import { eventually } from "./settle.ts"
import type { GroveNode } from "./world/grove-node.ts"

/**
 * How often peers are asked for one node while things break. They take part in five unlockings of it an hour; one is for the end of the run, and a start that is cut off counts too.
 */
const MAX_ASKED = 2
const ANSWER_MS = 5_000
/** Of a node that asks all others first. */
const ASKED_MS = 10_000
const LOOK_MS = 250

/**
 * How nodes that were killed are opened again: by their peers, or, as people do when too few of these serve or have helped too often, with the key file, which is on none of the
 * machines' disks.
 */
export class Unlocking {
  readonly #nodes: readonly GroveNode[]
  readonly #say: (line: string) => void
  readonly #stop = new AbortController()
  readonly #asked: Map<string, number> = new Map()
  readonly #watching: Set<Promise<void>> = new Set()
  /** Unlockings by peers that were seen to succeed. */
  byPeers = 0
  withKeyFile = 0

  constructor(nodes: readonly GroveNode[], say: (line: string) => void) {
    this.#nodes = nodes
    this.#say = say
  }

  /** Decides how a killed node starts, before it does. */
  async prepare(node: GroveNode): Promise<void> {
    const asked = this.#asked.get(node.name) ?? 0
    const isOpenable = asked < MAX_ASKED && (await this.#isOpenable(node))
    if (!isOpenable) {
      node.means = "key file"
      this.withKeyFile++
      const why = asked < MAX_ASKED ? "no other node says that peers can open it now" : `they were asked ${asked} times before`
      return this.#say(`${node.name} starts with its key file: ${why}`)
    }
    this.#asked.set(node.name, asked + 1)
    node.means = "pieces"
    const watching = this.#watch(node).finally(() => this.#watching.delete(watching))
    this.#watching.add(watching)
  }

  /** Has a node that nobody breaks any more restart and be opened by its peers, however often they helped. */
  async restart(node: GroveNode): Promise<void> {
    const kill = await node.process.kill()
    node.means = "pieces"
    kill[Symbol.dispose]()
    const begun = performance.now()
    await eventually(node, async () => {
      const state = await stateOf(node)
      return state === "serving" ? true : `it is ${state ?? "silent"}`
    })
    this.#opened(node, begun)
  }

  /** Waits for the unlockings that were begun. */
  async settle(): Promise<void> {
    await Promise.all(this.#watching)
  }

  [Symbol.dispose](): void {
    this.#stop.abort()
  }

  /** Whether another node says that enough holders of its pieces answer. */
  async #isOpenable(node: GroveNode): Promise<boolean> {
    const others = this.#nodes.filter((other) => other !== node)
    const told = await Promise.all(others.map(async (other) => await other.call("pieces.status", {}, ASKED_MS)))
    return told.some((status) => {
      const { nodes } = fieldsOf(status.ok ? status.value : undefined)
      return Array.isArray(nodes) && nodes.map(fieldsOf).some(({ canUnlock, path }) => path === `/${node.name}` && canUnlock === true)
    })
  }

  /** Until it serves, or was killed again and starts with something else. Where asking the peers has ended, a person comes with the key file. */
  async #watch(node: GroveNode): Promise<void> {
    const begun = performance.now()
    for (;;) {
      const state = await stateOf(node)
      if (this.#stop.signal.aborted || node.means !== "pieces") return
      if (state === "serving") return this.#opened(node, begun)
      if (state === "locked") {
        const unlocked = await node.call("node.unlock", { keyFile: node.keyFile }, ASKED_MS)
        this.#say(`${node.name} is unlocked with its key file, since its peers could not: ${unlocked.ok ? "it serves" : unlocked.code}`)
        if (unlocked.ok) return void this.withKeyFile++
      }
      await delay(LOOK_MS)
    }
  }

  #opened({ name }: GroveNode, begun: number): void {
    this.byPeers++
    this.#say(`${name} was unlocked by its peers, ${((performance.now() - begun) / 1_000).toFixed(1)} s after it was started`)
  }
}

async function stateOf(node: GroveNode): Promise<string | undefined> {
  const status = await node.call("node.status", {}, ANSWER_MS)
  return status.ok ? String(fieldsOf(status.value)["state"]) : undefined
}
