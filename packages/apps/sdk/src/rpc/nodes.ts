import { KeygroveError } from "@keygrove/base"
import { AnswerFields } from "./fields.ts"

/** A node of the cluster, or one that was. */
export interface ClusterNode {
  /** E.g. `/laptop/phone`. */
  readonly path: string
  readonly generation: number
  /** Counts its keys; 0 before it was heard of. */
  readonly epoch: number
  /** `active`, `invited` (not heard of yet), `revoked` or `replaced`. */
  readonly state: string
  /** Why it was revoked; null when it was not. */
  readonly reason: string | null
  /** Index of the entry that made it what it is. */
  readonly at: number
  /** The epoch that a node above ordered and that it has not reached; null when it owes none. */
  readonly owesEpoch: number | null
  /** Whether it is the node that was asked. */
  readonly self: boolean
}

/** The nodes of the cluster of the node that was asked. */
export interface ClusterNodes {
  /** 64 hex digits. */
  readonly cluster: string
  /** Names the log that indexes count in, 64 hex digits. */
  readonly origin: string
  /** In the order of their paths; those that are gone too. */
  readonly nodes: readonly ClusterNode[]
}

/** Most pages that are asked for: more nodes than a cluster can have, with those that are gone. */
const MAX_PAGES = 1_000

/** Reads `node.list`, page by page. `call` performs it with the parameters it is given. */
export async function readNodes(call: (params: object) => Promise<unknown>): Promise<ClusterNodes> {
  const nodes: ClusterNode[] = []
  let after: string | undefined
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = new AnswerFields("node.list", await call(after === undefined ? {} : { after }))
    nodes.push(...page.objects("nodes").map(decodeNode))
    after = page.optionalText("next")
    if (after === undefined) return { cluster: page.text("cluster"), origin: page.text("origin"), nodes }
  }
  throw new KeygroveError("RPC_ANSWER_INVALID", `the node lists more than ${nodes.length} nodes; is it another version of keygrove?`)
}

function decodeNode(fields: AnswerFields): ClusterNode {
  return {
    path: fields.text("path"),
    generation: fields.number("generation"),
    epoch: fields.number("epoch"),
    state: fields.text("state"),
    reason: fields.optionalText("reason") ?? null,
    at: fields.number("at"),
    owesEpoch: fields.get("owesEpoch") === null ? null : fields.number("owesEpoch"),
    self: fields.boolean("self"),
  }
}
