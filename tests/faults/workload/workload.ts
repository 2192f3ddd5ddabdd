import { setTimeout as delay } from "node:timers/promises"
import type { Result } from "@keygrove/base"
import { Dice } from "../../simulation/dice.ts"
import type { AppendRecord, HeadRecord, History, Outcome } from "../checker/history.ts"
import { entryToken, offerToken } from "../checker/tokens.ts"
import { fieldsOf } from "../fields.ts"
import type { GroveNode } from "../world/grove-node.ts"
import type { RootAuthor, RootStatement } from "./root-author.ts"

/** How long a caller waits for an append; a node that stands still answers later or never. */
const APPEND_MS = 15_000
const LOOK_MS = 5_000
/** Between two calls of one caller, at most. */
const PAUSE_MS = 150
/** Between two renewals of everybody's keys, at most. */
const RENEWAL_MS = 30_000
/** Callers of each node that append. */
const WRITERS = 2
const DAY_MS = 86_400_000

/** Codes after which the entry may be on the ledger all the same: the engine, or the node, did not answer. After any other it is not, and never will be. */
const MAYBE: ReadonlySet<string> = new Set(["LEDGER_UNREACHABLE", "NODE_UNREACHABLE", "RPC_ANSWER_INVALID", "RPC_TIMEOUT", "RPC_INTERNAL"])

/** People who use every node while it breaks, and write down what they asked and were told. */
export class Workload {
  readonly #nodes: readonly GroveNode[]
  readonly #author: RootAuthor
  readonly #dice: Dice
  readonly #stop = new AbortController()
  readonly #appends: AppendRecord[] = []
  readonly #heads: HeadRecord[] = []
  /** Certificates that were acknowledged, to be revoked. */
  readonly #certified: RootStatement[] = []
  readonly #callers: readonly Promise<void>[]
  #offers = 0
  /** Key generations that somebody asked for and was heard. */
  renewals = 0

  constructor(nodes: readonly GroveNode[], { author, seed }: { readonly author: RootAuthor; readonly seed: number }) {
    this.#nodes = nodes
    this.#author = author
    this.#dice = new Dice(seed)
    const anywhere = (): GroveNode => this.#dice.pick(nodes)
    this.#callers = [
      this.#keepCalling(() => this.#renew(anywhere()), RENEWAL_MS),
      ...nodes.flatMap((node) => [
        ...Array.from({ length: WRITERS }, () => this.#keepCalling(() => this.#append(node))),
        this.#keepCalling(() => this.#look(node)),
      ]),
    ]
  }

  get history(): History {
    return { appends: this.#appends, heads: this.#heads }
  }

  /** Lets every caller finish what it asked, and asks every node once more what it has. */
  async end(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#callers)
    await Promise.all(this.#nodes.map(async (node) => await this.#look(node)))
  }

  async #keepCalling(call: () => Promise<void>, pauseMs: number = PAUSE_MS): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await call()
      await delay(this.#dice.between(1, pauseMs), undefined, { signal }).catch(() => undefined)
    }
  }

  /** One more entry: a certificate, the revocation of an earlier one, or an offer that the node signs itself. */
  async #append(node: GroveNode): Promise<void> {
    const choice = this.#dice.below(4)
    if (choice === 0) return await this.#offer(node)
    const standing = choice === 1 ? this.#certified.shift() : undefined
    const statement = standing === undefined ? this.#author.certify() : this.#author.revoke(standing)
    const params = { entry: Buffer.from(statement.entry).toString("base64") }
    const outcome = await this.#record(node, entryToken(statement.entry), node.call.bind(node, "ledger.publish", params, APPEND_MS))
    if (outcome.kind === "acknowledged" && standing === undefined) this.#certified.push(statement)
  }

  async #offer(node: GroveNode): Promise<void> {
    const capacity = ++this.#offers
    const params = { until: Date.now() + 30 * DAY_MS, capacity }
    await this.#record(node, offerToken(`/${node.name}`, capacity), node.call.bind(node, "proxy.offer", params, APPEND_MS))
  }

  async #record({ name }: GroveNode, token: string, call: () => Promise<Result<unknown>>): Promise<Outcome> {
    const start = performance.now()
    const answer = await call()
    const outcome = outcomeOf(answer)
    this.#appends.push({ node: name, token, start, end: performance.now(), outcome })
    return outcome
  }

  /** Everybody's keys are replaced now and then: members get new pieces, and wipe the old ones. */
  async #renew(node: GroveNode): Promise<void> {
    if ((await node.call("pieces.renew", {}, LOOK_MS)).ok) this.renewals++
  }

  async #look(node: GroveNode): Promise<void> {
    const start = performance.now()
    const head = await headOf(node, LOOK_MS)
    if (head !== undefined) this.#heads.push({ node: node.name, start, end: performance.now(), ...head })
  }
}

/** What a node says its ledger is; `undefined` when it does not say. */
export async function headOf(node: GroveNode, timeoutMs: number): Promise<{ readonly length: number; readonly head: string } | undefined> {
  const answer = await node.call("ledger.status", {}, timeoutMs)
  if (!answer.ok) return undefined
  const { head, length } = fieldsOf(answer.value)
  return typeof head === "string" && typeof length === "number" ? { head, length } : undefined
}

function outcomeOf(answer: Result<unknown>): Outcome {
  if (!answer.ok) return { kind: MAYBE.has(answer.code) ? "unknown" : "refused", code: answer.code }
  const { head, length } = fieldsOf(answer.value)
  return typeof head === "string" && typeof length === "number" ? { kind: "acknowledged", head, length } : { kind: "acknowledged" }
}
