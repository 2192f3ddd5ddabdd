import { ok, type Result } from "@keygrove/base"
import { verifyDeviceSignature } from "@keygrove/curves-native"
import type { KeystoreClient } from "@keygrove/keystore"
import { custodyOf } from "@keygrove/ledger"
import type { CustodyView } from "@keygrove/peering"
import { CustodyKeeper, PieceDesk, type CallOptions, type NodeContext, type PiecesContext } from "@keygrove/service"
import type { NodeConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"
import { MachineCheck } from "./machine-check.ts"
import { openAttester } from "./open-attester.ts"
import { pieceWaits } from "./piece-waits.ts"
import { PiecesMembership } from "./pieces-membership.ts"
import { piecesWarnings } from "./pieces-warnings.ts"
import { StartDelegation } from "./start-delegation.ts"

/** What a node has to do with key pieces: its own at others, and others' here. */
export interface NodePieces {
  readonly context: PiecesContext
  readonly desk: PieceDesk
  readonly keeper: CustodyKeeper
  readonly membership: PiecesMembership
  /** Whether a grant of another node's label unlocks this one when it starts, as pieces do. */
  readonly delegation: StartDelegation
  /** What the ledger says now. */
  view(): CustodyView
  /** What needs attention, one line each. */
  warnings(): readonly string[]
}

interface PiecesSurroundings {
  readonly home: Home
  readonly config: Pick<NodeConfig, "pieceWaits" | "tpm">
  readonly keystore: KeystoreClient
  readonly log: (line: string) => void
  readonly stack: AsyncDisposableStack
}

/** Serves protocol `pieces`, and does what a member owes, until the stack is disposed of. A node that is no member answers nobody, and wipes what it may still have. */
export async function openPieces(
  node: NodeContext,
  { config, home, keystore, log, stack }: PiecesSurroundings,
  call: CallOptions,
): Promise<Result<NodePieces>> {
  const attester = openAttester(home, config)
  const context: PiecesContext = { ...node, keystore, attester, verifyDeviceSignature, waits: pieceWaits(config.pieceWaits), log }
  const desk = await PieceDesk.open(context, call)
  if (!desk.ok) return desk
  stack.use(desk.value)
  const keeper = new CustodyKeeper(context, desk.value)
  stack.use(running(keeper, log))
  // It needs the keeper to the end of what it undoes.
  const membership = stack.use(new PiecesMembership({ context, desk: desk.value, home, keeper }))
  const view = (): CustodyView => {
    const { cluster, path } = keystore.identity()
    return { state: context.replica.state, custody: custodyOf(context.replica.state, cluster), self: { cluster, path } }
  }
  const isMember = (): boolean => view().custody.members.has(view().self.path)
  const delegation = await StartDelegation.open({ home, context, isMember }, call)
  if (!delegation.ok) return delegation
  const check = stack.use(new MachineCheck(context, view))
  return ok({
    context,
    desk: desk.value,
    keeper,
    membership,
    delegation: delegation.value,
    view,
    warnings: () => {
      const now = view()
      const isReplaced = now.state.clusters.get(now.self.cluster)?.replacedBy !== undefined
      const own = piecesWarnings(now, { home, progress: keeper.progress, isReplaced })
      return [...own, ...delegation.value.warnings(), ...check.warnings()]
    },
  })
}

function running(keeper: CustodyKeeper, log: (line: string) => void): AsyncDisposable {
  const stop = new AbortController()
  const { signal } = stop
  const work = keeper.run({ signal }).catch((error: unknown) => {
    if (!signal.aborted) log(`NODE_BACKGROUND_FAILED: ${error instanceof Error ? error.message : "unknown"}`)
  })
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await work
    },
  }
}
