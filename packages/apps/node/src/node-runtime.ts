import { ok, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { KeystoreClient } from "@keygrove/keystore"
import { GrantRemaking, LedgerPlacement, ProxyService, Turns, type CallOptions, type NodeContext, type Placement } from "@keygrove/service"
import { SqliteStorage } from "@keygrove/sqlite"
import { systemClock, systemRandom } from "@keygrove/system"
import { registerConfiguredKeys } from "./configured-keys.ts"
import { readConfig, type NodeConfig } from "./home/config.ts"
import { checkHome, homeOf, type Home } from "./home/home.ts"
import { lockHome } from "./home/instance-lock.ts"
import { Background } from "./runtime/background.ts"
import { openKeystore, type KeystoreSources } from "./runtime/open-keystore.ts"
import { openLedger, type LedgerRole } from "./runtime/open-ledger.ts"
import { keepPort, openTransport } from "./runtime/open-transport.ts"
import { Rekeys, resumeEpoch } from "./runtime/rekeys.ts"
import { warningsOf } from "./runtime/warnings.ts"

export interface NodeOptions extends KeystoreSources {
  readonly home: string
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
  readonly role: LedgerRole
  /** What needs attention now. */
  warnings(): readonly string[]
}

/** Starts a node: lock the home, unlock the keystore, listen, open the ledger and the storage, serve. Whatever was opened is closed when a step refuses. */
export async function startNode(options: NodeOptions, call: CallOptions): Promise<Result<NodeRuntime>> {
  await using stack = new AsyncDisposableStack()
  const home = checkHome(homeOf(options.home))
  if (!home.ok) return home
  const config = readConfig(home.value.config)
  if (!config.ok) return config
  const held = lockHome(home.value)
  if (!held.ok) return held
  stack.use(held.value)
  const keystore = await openKeystore(home.value, config.value, options, call)
  if (!keystore.ok) return keystore
  stack.use(keystore.value)
  const { keystore: client } = keystore.value
  const { keys } = client
  const registered = await registerConfiguredKeys(keys, { config: config.value, directory: home.value.directory, log: options.log }, call)
  if (!registered.ok) return registered
  const storage = SqliteStorage.open({ path: home.value.storage })
  if (!storage.ok) return storage
  stack.use(storage.value)
  const resumed = await resumeEpoch(client, home.value.ledger, call)
  if (!resumed.ok) return resumed
  const transport = await openTransport(client, config.value, call)
  if (!transport.ok) return transport
  stack.use(transport.value)
  const settled = keepPort(home.value, config.value, transport.value)
  const ledger = await openLedger(home.value, settled, { transport: transport.value, stack }, call)
  if (!ledger.ok) return ledger
  const { replica, role } = ledger.value
  const context: NodeContext = {
    primitives: nativePrimitives,
    keystore: client,
    replica,
    storage: storage.value,
    transport: transport.value,
    clock: systemClock,
    random: systemRandom,
    labelTurns: new Turns(),
  }
  const rekeys = new Rekeys(context, options.log)
  await rekeys.settle(call)
  const proxy = await ProxyService.open(context, call)
  if (!proxy.ok) return proxy
  stack.use(proxy.value)
  const placement = new LedgerPlacement(replica, nativePrimitives, client.identity())
  const remaking = new GrantRemaking(context, placement)
  const background = new Background(context, { home: home.value, remaking, rekeys, log: options.log })
  const introduced = await background.introduce(call)
  if (!introduced.ok) return introduced
  stack.use(background)
  background.start()
  const owned = stack.move()
  return ok({
    home: home.value,
    config: settled,
    context,
    keystore: client,
    placement,
    proxy: proxy.value,
    remaking,
    rekeys,
    role,
    warnings: () => warningsOf({ context, background, remaking, rekeys, role }),
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  })
}
