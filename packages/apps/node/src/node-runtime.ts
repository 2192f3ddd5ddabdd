import { ok, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { KeystoreClient, KeystoreProcess } from "@keygrove/keystore"
import {
  GrantRemaking,
  LedgerPlacement,
  ProxyService,
  SnapshotKeeper,
  Turns,
  type CallOptions,
  type NodeContext,
  type Placement,
  type RootRekeying,
} from "@keygrove/service"
import { SqliteStorage } from "@keygrove/sqlite"
import { systemClock, systemRandom } from "@keygrove/system"
import { readConfig, type NodeConfig } from "./home/config.ts"
import { checkHome, homeOf, type Home } from "./home/home.ts"
import { removeOffers } from "./home/hand-over.ts"
import { finishMove } from "./home/finish-move.ts"
import { lockHome } from "./home/instance-lock.ts"
import { Background } from "./runtime/background.ts"
import type { LedgerRole } from "./home/ledger-role.ts"
import { openLedger, type OpenedLedger } from "./runtime/open-ledger.ts"
import { keepPort, openTransport } from "./runtime/open-transport.ts"
import { openPieces, type NodePieces } from "./runtime/open-pieces.ts"
import { openTrust, type NodeTrust } from "./runtime/open-trust.ts"
import { Rekeys, resumeEpoch } from "./runtime/rekeys.ts"
import { runRootReplacement } from "./runtime/root-replacement.ts"
import { warningsOf } from "./runtime/warnings.ts"

export interface NodeOptions {
  /** Told, in one line each, what a person should know. */
  readonly log: (line: string) => void
}

/** A running node without its JSON-RPC server. Disposal ends everything in order. */
export interface NodeRuntime extends AsyncDisposable {
  readonly home: Home
  readonly config: NodeConfig
  readonly context: NodeContext
  readonly keystore: KeystoreClient
  readonly placement: Placement
  readonly proxy: ProxyService
  /** Sees to it that grants follow the keys of their labels. */
  readonly remaking: GrantRemaking
  /** Takes the node to its next epoch. */
  readonly rekeys: Rekeys
  /** Replaces the root of the cluster, where this home has a plan for that. */
  readonly rootRekeying: RootRekeying
  /** Takes snapshots of the ledger. */
  readonly snapshots: SnapshotKeeper
  readonly role: LedgerRole
  /** How the etcd is that the ledger is in. */
  readonly etcd: OpenedLedger["etcd"]
  /** The log that the cluster's nodes share in etcd. */
  readonly sharedLog: OpenedLedger["sharedLog"]
  /** The host that a follower's ledger has now. */
  readonly followed: OpenedLedger["followed"]
  /** Meetings, and the clusters that this one trusts. */
  readonly trust: NodeTrust
  /** Key pieces: its own at others, and others' here. */
  readonly pieces: NodePieces
  /** What needs attention now. */
  warnings(): readonly string[]
}

/** Starts a node on a home that this process holds, with its keystore open: listen, open the ledger and the storage, serve. Whatever was opened, the keystore too, is closed when a step refuses. */
export async function startNode(
  { config, home }: Omit<HeldHome, keyof Disposable>,
  process: KeystoreProcess,
  options: NodeOptions,
  call: CallOptions,
): Promise<Result<NodeRuntime>> {
  await using stack = new AsyncDisposableStack()
  const { keystore: client } = stack.use(process)
  const opened = await openContext({ home, config }, client, { log: options.log, stack }, call)
  if (!opened.ok) return opened
  const { context, ledger, settled } = opened.value
  const { etcd, followed, guard, replica, role, sharedLog } = ledger
  const { known, store } = ledger.snapshots
  const snapshots = stack.use(SnapshotKeeper.start({ ...context, snapshots: store }, known))
  const rekeys = new Rekeys(context, options.log)
  await rekeys.settle(call)
  const proxy = await ProxyService.open(context, call)
  if (!proxy.ok) return proxy
  stack.use(proxy.value)
  const placement = new LedgerPlacement(replica, nativePrimitives, client.identity())
  const remaking = new GrantRemaking(context, placement)
  const trust = await openTrust(context, { log: options.log, stack }, call)
  if (!trust.ok) return trust
  guard.alsoKnow((signingKey) => trust.value.keyChains.isAnswered(signingKey))
  const pieces = await openPieces(context, { home, config, keystore: client, log: options.log, stack }, call)
  if (!pieces.ok) return pieces
  const background = new Background(context, { role, followed, home, remaking, rekeys, log: options.log })
  const introduced = await background.introduce(call)
  if (!introduced.ok) return introduced
  stack.use(background)
  background.start()
  const rootRekeying = runRootReplacement(context, { home, ledgerHost: () => followed?.host, log: options.log, stack })
  const owned = stack.move()
  return ok({
    home,
    config: settled,
    context,
    keystore: client,
    placement,
    proxy: proxy.value,
    remaking,
    rekeys,
    rootRekeying,
    snapshots,
    role,
    followed,
    etcd,
    sharedLog,
    trust: trust.value,
    pieces: pieces.value,
    warnings: () => [
      ...warningsOf({ context, background, etcd, remaking, rekeys, role, rootRekeying, snapshots }),
      ...trust.value.warnings(),
      ...pieces.value.warnings(),
    ],
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  })
}

/** A home that this process holds, and its configuration. Disposal gives it free. */
export interface HeldHome extends Disposable {
  readonly home: Home
  readonly config: NodeConfig
}

/** Takes a home for this process alone. */
export function holdHome(directory: string): Result<HeldHome> {
  const home = checkHome(homeOf(directory))
  if (!home.ok) return home
  const config = readConfig(home.value.config)
  if (!config.ok) return config
  const held = lockHome(home.value)
  if (!held.ok) return held
  finishMove(home.value)
  removeOffers(home.value.directory)
  return ok({ home: home.value, config: config.value, [Symbol.dispose]: () => held.value[Symbol.dispose]() })
}

interface OpenedContext {
  readonly context: NodeContext
  readonly ledger: OpenedLedger
  /** The configuration, with the port that the node listens on. */
  readonly settled: NodeConfig
}

/** What everything else of a node works on: storage, network and ledger, left on `stack`. */
async function openContext(
  { config, home }: Omit<HeldHome, keyof Disposable>,
  keystore: KeystoreClient,
  { log, stack }: NodeOptions & { readonly stack: AsyncDisposableStack },
  call: CallOptions,
): Promise<Result<OpenedContext>> {
  const storage = await openStorage(home, keystore, stack, call)
  if (!storage.ok) return storage
  const transport = await openTransport(keystore, config, call)
  if (!transport.ok) return transport
  stack.use(transport.value)
  const settled = keepPort(home, config, transport.value)
  const ledger = await openLedger(home, settled, { identity: keystore.identity(), log, transport: transport.value, stack }, call)
  if (!ledger.ok) return ledger
  const context: NodeContext = {
    primitives: nativePrimitives,
    keystore,
    replica: ledger.value.replica,
    storage: storage.value,
    transport: ledger.value.guard,
    clock: systemClock,
    random: systemRandom,
    labelTurns: new Turns(),
  }
  return ok({ context, ledger: ledger.value, settled })
}

/** Opens the storage, in the epoch that the node has reached. */
async function openStorage(
  home: Home,
  keystore: KeystoreClient,
  stack: AsyncDisposableStack,
  call: CallOptions,
): Promise<Result<SqliteStorage>> {
  const storage = SqliteStorage.open({ path: home.storage })
  if (!storage.ok) return storage
  stack.use(storage.value)
  const resumed = await resumeEpoch(keystore, home.ledger, call)
  return resumed.ok ? storage : resumed
}
