import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { NodePath, Timestamp } from "@keygrove/hierarchy"
import { findNode, findNodeByKey, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, type OpenedRootPlan } from "@keygrove/ledger"
import { decodeMoveRequest, encodeMoveAnswer, type MoveAnswer } from "@keygrove/peering"
import { Wakeup } from "../ledger/wakeup.ts"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { InboundRequest } from "../ports/transport.ts"
import { missingEntries, progressOf, type MoveState, type PlanProgress } from "./plan-progress.ts"

/** Where this node's plan is kept, if it has one. */
export interface RootPlanFile {
  read(): Result<OpenedRootPlan | undefined>
  /** Forgets the plan, durably. */
  remove(): void
}

/** A plan of this node, and how far it is. */
export interface RootRekeyProgress extends Omit<PlanProgress, "nodes"> {
  readonly plan: OpenedRootPlan
  readonly nodes: readonly { readonly path: NodePath; readonly state: MoveState; readonly lastSeen?: Timestamp }[]
  /** Why it did not go on when that was last tried. */
  readonly refusal?: Refusal
}

type RekeyingContext = Pick<NodeContext, "clock" | "replica" | "transport">

/** Pause before it is looked again what is left of a plan. */
const PAUSE_MS = 2_000

/**
 * Carries out the plan of a root's replacement that is kept in this home: its entries onto the ledger, the successor's first and then the one by which the old root steps down, and an invitation to each node that
 * asks for its own. What is left is read from the ledger alone, so a run that was cut off anywhere goes on, and what stands is not repeated. The plan is forgotten when nobody is left to move.
 */
export class RootRekeying implements Disposable {
  readonly #context: RekeyingContext
  readonly #file: RootPlanFile
  readonly #serving: Disposable
  readonly #wakeup = new Wakeup()
  /** When nodes of the old root were last heard of, by their paths: at most as many as the plan has. */
  readonly #lastSeen: Map<NodePath, Timestamp> = new Map()
  #plan: OpenedRootPlan | undefined
  #refusal: Refusal | undefined

  /** Serves protocol `move` until disposed of. */
  constructor(context: RekeyingContext, file: RootPlanFile) {
    this.#context = context
    this.#file = file
    this.#serving = context.transport.serve("move", async (request) => await Promise.resolve(encodeMoveAnswer(this.#answer(request))))
  }

  /** How far the plan is; `undefined` where there is none. */
  get progress(): RootRekeyProgress | undefined {
    if (this.#plan === undefined) return undefined
    const { nodes, ...rest } = progressOf(this.#context.replica.state, this.#plan)
    const seen = nodes.map((node) => {
      const lastSeen = this.#lastSeen.get(node.path)
      return lastSeen === undefined ? node : { ...node, lastSeen }
    })
    return { ...rest, plan: this.#plan, nodes: seen, ...(this.#refusal === undefined ? {} : { refusal: this.#refusal }) }
  }

  /** Why there is no plan where there may be one: its file cannot be read. */
  get refusal(): Refusal | undefined {
    return this.#refusal
  }

  /** Looks for a plan that was just made, and goes on with it in the background. */
  begin(): Result<true> {
    const read = this.#file.read()
    this.#refusal = read.ok ? undefined : read
    if (!read.ok) return read
    this.#plan = read.value
    this.#wakeup.wake()
    return ok(true)
  }

  /** Works until the signal fires. */
  async run({ signal }: CallOptions): Promise<void> {
    this.begin()
    while (!signal.aborted) {
      const seen = this.#wakeup.count
      if (this.#plan === undefined) {
        await this.#wakeup.wait(signal, seen)
        continue
      }
      const done = await this.#round(this.#plan, { signal })
      this.#refusal = done.ok ? undefined : done
      if (progressOf(this.#context.replica.state, this.#plan).isDone) this.#end()
      else await this.#context.clock.sleep(PAUSE_MS, { signal })
    }
  }

  [Symbol.dispose](): void {
    this.#serving[Symbol.dispose]()
  }

  #end(): void {
    this.#file.remove()
    this.#plan = undefined
    this.#lastSeen.clear()
  }

  /** Appends what the ledger lacks. */
  async #round(plan: OpenedRootPlan, options: CallOptions): Promise<Result<true>> {
    const { replica } = this.#context
    const refreshed = await replica.refresh(options)
    if (!refreshed.ok) return refreshed
    const before = replica.state.clusters.get(plan.cluster)?.replacedBy
    if (before !== undefined && before.successor !== plan.successor)
      return refuse(
        "ROOT_REKEY_OVERTAKEN",
        `the root stepped down for ${before.successor.slice(0, 16)} at entry ${before.at}, not for the one of this plan; if that was not you, somebody has the words`,
      )
    for (const batch of batchesOf(missingEntries(replica.state, plan))) {
      const appended = await replica.appendEntries(batch, options)
      if (!appended.ok) return appended
    }
    if (before !== undefined) return ok(true)
    const replaced = await replica.appendEntries([plan.replaced], options)
    return replaced.ok ? ok(true) : replaced
  }

  /** The caller's own invitation, as long as it stands below the old root and is not below the new one. */
  #answer({ body, from }: InboundRequest): MoveAnswer {
    const request = decodeMoveRequest(body)
    if (!request.ok) return { kind: "refused", code: request.code, message: request.message }
    const { clock, replica } = this.#context
    const node = findNodeByKey(replica.state, from)
    const plan = this.#plan
    const invited = plan?.invitations.find(({ path }) => path === node?.path)
    const hasMoved =
      plan !== undefined && node !== undefined && findNode(replica.state, { cluster: plan.successor, path: node.path })?.keys !== undefined
    if (node === undefined || node.cluster !== plan?.cluster || invited === undefined || hasMoved)
      return {
        kind: "refused",
        code: "MOVE_NOT_INVITED",
        message: "this node has no invitation for the caller; ask another one, or its person",
      }
    this.#lastSeen.set(invited.path, clock.now())
    return { kind: "invitation", invitation: invited.invitation }
  }
}

/** Entries in as few batches as the ledger takes. */
function* batchesOf(entries: readonly Uint8Array[]): Generator<readonly Uint8Array[], undefined> {
  let batch: Uint8Array[] = []
  let bytes = 0
  for (const entry of entries) {
    if (batch.length === MAX_BATCH_ENTRIES || bytes + entry.length > MAX_BATCH_BYTES) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(entry)
    bytes += entry.length
  }
  if (batch.length > 0) yield batch
}
