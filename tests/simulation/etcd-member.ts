import { unwrap, type Refusal } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { EtcdLedgerSource, type EtcdAddress } from "@keygrove/etcd"
import { emptyHead, type LedgerSnapshot } from "@keygrove/ledger"
import { FollowerLedgerEngine, LedgerReplica, openSnapshot, SnapshotKeeper, SnapshotStarter } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { systemClock } from "@keygrove/system"
import { kitKey, kitPrimitives, signingName, type KitNode } from "../../packages/core/ledger/src/ledger-kit.contract.ts"
import { keystoreOf } from "./pruned-host.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const primitives = { ...nativePrimitives, ed25519: kitPrimitives.ed25519 }

/** A node with its ledger in etcd, as far as the ledger goes. */
export interface EtcdMemberNode extends AsyncDisposable {
  readonly copy: EmbeddedLedgerEngine
  readonly engine: FollowerLedgerEngine<EtcdLedgerSource>
  readonly replica: LedgerReplica
  readonly keeper: SnapshotKeeper
  /** Why it does not start from a snapshot that it was offered. */
  readonly refused: Refusal[]
}

/** Starts a node in its first epoch, with its copy at a path. */
export async function startMember(address: EtcdAddress, path: string, node: KitNode): Promise<EtcdMemberNode> {
  const copy = unwrap(EmbeddedLedgerEngine.open({ path, primitives, flushesLater: true }))
  const source = new EtcdLedgerSource({ address, access: {}, primitives })
  const refused: Refusal[] = []
  const known: { replica?: LedgerReplica } = {}
  const reader = { ...node, signingKey: kitKey(signingName(node, 1)) }
  const reopen = async (): Promise<LedgerSnapshot | undefined> =>
    unwrap(await openSnapshot({ primitives, file: copy, snapshots: copy.snapshots, reader }, call)).from
  const starter = new SnapshotStarter({
    primitives,
    copy,
    reader,
    clock: systemClock,
    folded: () => known.replica,
    onRefused: (refusal) => refused.push(refusal),
  })
  const from = await reopen()
  const engine = FollowerLedgerEngine.start({
    source,
    copy,
    clock: systemClock,
    primitives,
    onPruned: async (own, options) => await starter.start(source, own, options),
  })
  const replica = unwrap(await LedgerReplica.open({ primitives, engine, reopen, ...(from === undefined ? {} : { from }) }, call))
  known.replica = replica
  const context = { primitives, replica, keystore: keystoreOf(node), clock: systemClock, snapshots: copy.snapshots }
  const keeper = SnapshotKeeper.start(context, { prunedTo: emptyHead().length, every: 1_000_000 })
  const dispose = async (): Promise<void> => {
    await keeper[Symbol.asyncDispose]()
    await replica[Symbol.asyncDispose]()
  }
  return { copy, engine, replica, keeper, refused, [Symbol.asyncDispose]: dispose }
}
