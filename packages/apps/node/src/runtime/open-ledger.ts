import { setImmediate } from "node:timers/promises"
import { ok, refuse, unreachable, type Result } from "@keygrove/base"
import type { EtcdLedgerSource } from "@keygrove/etcd"
import { nativePrimitives } from "@keygrove/curves-native"
import type { LedgerSnapshot } from "@keygrove/ledger"
import { formatPeerAddress, parsePeerAddress } from "@keygrove/libp2p"
import {
  followHost,
  FollowerLedgerEngine,
  LedgerCopyEngine,
  LedgerReplica,
  PeerGuard,
  serveJoin,
  serveLedger,
  SnapshotStarter,
  type CallOptions,
  type LedgerEngine,
  type LedgerHostSource,
  type NodeIdentity,
  type PeerAddress,
  type PrunableLog,
  type SnapshotStartOptions,
  type Transport,
} from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { systemClock } from "@keygrove/system"
import { readConfig, type NodeConfig } from "../home/config.ts"
import { readEtcdSetting } from "../home/etcd-setting.ts"
import type { Home } from "../home/home.ts"
import { ledgerRoleOf, type LedgerRole } from "../home/ledger-role.ts"
import { EtcdState } from "./etcd-state.ts"
import { findSnapshot, type FoundSnapshot, type SnapshotReader } from "./find-snapshot.ts"
import { writeConfig } from "./open-transport.ts"

export interface OpenedLedger {
  readonly replica: LedgerReplica
  /** Kept in the same file, which is the replica's. */
  readonly snapshots: Pick<FoundSnapshot, "known" | "store">
  readonly role: LedgerRole
  /** The transport that answers only whom the ledger knows; what the node serves it serves through this one. */
  readonly guard: PeerGuard
  /** Where a follower finds the ledger's host now, and how it becomes known there. */
  readonly followed?: Pick<LedgerHostSource, "host" | "join">
  /** How the etcd is that the ledger is in. */
  readonly etcd?: EtcdState
  /** The log that the cluster's nodes share in etcd. */
  readonly sharedLog?: PrunableLog
}

interface LedgerSurroundings {
  readonly transport: Transport
  readonly identity: NodeIdentity
  /** Told, in one line each, what a person should know. */
  readonly log: (line: string) => void
  readonly stack: AsyncDisposableStack
}

/** Opens the node's ledger in the role that its configuration names; what was opened is left on `stack`. */
export async function openLedger(
  home: Home,
  config: NodeConfig,
  { identity, log, transport, stack }: LedgerSurroundings,
  call: CallOptions,
): Promise<Result<OpenedLedger>> {
  const opened = await openReplica(home, config, { log, reader: identity, transport, stack }, call)
  if (!opened.ok) return opened
  const { engine, followed, replica, snapshots, source } = opened.value
  const role = ledgerRoleOf(config.ledger)
  const predecessors = identity.predecessors.map(({ cluster }) => cluster)
  const clusters = { own: identity.cluster, predecessors, peers: config.peers ?? "ledger" } as const
  const admission = { ...clusters, clock: systemClock, replica }
  const guard = stack.use(new PeerGuard({ ...admission, transport }))
  const etcd = source === undefined ? undefined : stack.use(new EtcdState(source, systemClock))
  if (role === "host" || role === "etcd") {
    const offered = { primitives: nativePrimitives, store: snapshots.store }
    stack.use(serveLedger({ transport: guard, engine, clock: systemClock, replica, snapshots: offered }))
    stack.use(
      serveJoin({ ...admission, transport: guard, primitives: nativePrimitives, onEnded: (key, endedAt) => guard.letRead(key, endedAt) }),
    )
  }
  return ok({
    replica,
    snapshots,
    role,
    guard,
    ...(followed === undefined ? {} : { followed }),
    ...(etcd === undefined ? {} : { etcd }),
    ...(source === undefined ? {} : { sharedLog: source }),
  })
}

/** The ledger of a node, and where it comes from. */
interface OpenedReplica extends ChosenEngine, Pick<OpenedLedger, "replica" | "snapshots"> {}

interface ReplicaSurroundings extends Omit<LedgerSurroundings, "identity"> {
  /** Of its snapshots: the node itself. */
  readonly reader: SnapshotReader
}

/** Opens a node's copy of its ledger and follows where that comes from, without serving anybody; left on `stack`. */
export async function openReplica(
  home: Home,
  config: NodeConfig,
  { log, reader, transport, stack }: ReplicaSurroundings,
  call: CallOptions,
): Promise<Result<OpenedReplica>> {
  const copy = EmbeddedLedgerEngine.open({
    path: home.ledger,
    primitives: nativePrimitives,
    flushesLater: ledgerRoleOf(config.ledger) === "etcd",
  })
  if (!copy.ok) return copy
  const hosted = await checkHosted(copy.value, config, call)
  if (!hosted.ok) {
    await copy.value[Symbol.asyncDispose]()
    return hosted
  }
  const found = await findSnapshot(copy.value, reader, log, call)
  if (!found.ok) {
    await copy.value[Symbol.asyncDispose]()
    return found
  }
  const view: FoldView = {}
  const chosen = await openEngine(home, config, { copy: copy.value, log, reader, transport, view })
  if (!chosen.ok) {
    await copy.value[Symbol.asyncDispose]()
    return chosen
  }
  const { engine } = chosen.value
  const from = found.value.from === undefined ? {} : { from: found.value.from }
  const reopen = async (options: CallOptions): Promise<LedgerSnapshot | undefined> => {
    const later = await findSnapshot(copy.value, reader, log, options)
    return later.ok ? later.value.from : undefined
  }
  const replica = await LedgerReplica.open({ primitives: nativePrimitives, engine, reopen, ...from }, call)
  if (!replica.ok) return refuse(replica.code, `${home.ledger}: ${replica.message}`)
  view.replica = replica.value
  stack.use(replica.value)
  return ok({ ...chosen.value, replica: replica.value, snapshots: found.value })
}

/** Refuses to host a ledger that goes on elsewhere: what is appended here would be another history. */
async function checkHosted(file: EmbeddedLedgerEngine, { ledger }: NodeConfig, call: CallOptions): Promise<Result<true>> {
  if (ledgerRoleOf(ledger) !== "host") return ok(true)
  const moved = await file.seal.movedTo(call)
  if (!moved.ok || moved.value === undefined) return moved.ok ? ok(true) : moved
  return refuse(
    "LEDGER_MOVED",
    `the ledger of this home was moved and goes on at ${moved.value}: run \`keygrove ledger migrate --to ${moved.value}\`, which puts that into config.json`,
    { target: moved.value },
  )
}

/** The fold of the ledger, as soon as there is one. */
interface FoldView {
  replica?: LedgerReplica
}

interface ChosenEngine extends Pick<OpenedLedger, "followed"> {
  readonly engine: LedgerEngine
  readonly source?: EtcdLedgerSource
}

interface EngineSurroundings {
  /** Owned by the engine when there is one; refused, it is the caller's. */
  readonly copy: EmbeddedLedgerEngine
  readonly log: (line: string) => void
  readonly reader: SnapshotReader
  readonly transport: Transport
  readonly view: FoldView
}

/** The engine of the role that the configuration names. */
async function openEngine(home: Home, config: NodeConfig, surroundings: EngineSurroundings): Promise<Result<ChosenEngine>> {
  const { copy } = surroundings
  const role = ledgerRoleOf(config.ledger)
  switch (role) {
    case "host":
      return ok({ engine: copy })
    case "copy":
      return ok({ engine: new LedgerCopyEngine(copy) })
    case "etcd":
      return await openEtcd(home, config, surroundings)
    case "follower":
      return openFollower(home, config, surroundings)
    default:
      return unreachable(role)
  }
}

function openFollower(home: Home, config: NodeConfig, surroundings: EngineSurroundings): Result<ChosenEngine> {
  const { copy, transport, view } = surroundings
  const host = parsePeerAddress(config.ledger)
  if (!host.ok)
    return refuse(
      "CONFIG_INVALID",
      `${home.config}: "ledger" is neither "embedded" nor "copy" nor etcd://… nor the address of a node (/ip4/…/tcp/…/p2p/…): ${host.message}`,
    )
  const engine = followHost({
    transport,
    host: host.value,
    copy,
    clock: systemClock,
    primitives: nativePrimitives,
    folded: () => view.replica,
    snapshots: snapshotStart(surroundings),
    onMoved: (moved) => keepLedgerHost(home, moved),
  })
  return ok({ engine, followed: engine.source })
}

async function openEtcd(home: Home, config: NodeConfig, surroundings: EngineSurroundings): Promise<Result<ChosenEngine>> {
  const setting = await readEtcdSetting(config.ledger, config.etcd ?? {}, home.directory)
  if (!setting.ok) return refuse(setting.code, `${home.config}: ${setting.message}`)
  const { EtcdLedgerSource } = await import("@keygrove/etcd")
  const source = new EtcdLedgerSource({ ...setting.value, primitives: nativePrimitives })
  const starter = new SnapshotStarter(snapshotStart(surroundings))
  const engine = FollowerLedgerEngine.start({
    source,
    copy: surroundings.copy,
    clock: systemClock,
    primitives: nativePrimitives,
    afterTurn: setImmediate,
    onPruned: async (own, call) => await starter.start(source, own, call),
  })
  return ok({ engine, source })
}

/** How the copy starts from a snapshot, where what it follows was pruned. */
function snapshotStart({ copy, log, reader, view }: EngineSurroundings): SnapshotStartOptions {
  return {
    primitives: nativePrimitives,
    copy,
    reader,
    clock: systemClock,
    folded: () => view.replica,
    onRefused: ({ code, message }) => log(`this node cannot start from the snapshot of the ledger that it is offered: ${code}: ${message}`),
  }
}

/** The host has another key now: the next start looks for it under that one. */
function keepLedgerHost(home: Home, host: PeerAddress): void {
  try {
    const config = readConfig(home.config)
    if (config.ok) writeConfig(home, { ...config.value, ledger: formatPeerAddress(host) })
  } catch {
    // The disk is full, or not to be written: the next start finds the host again as this one did.
  }
}
