import { closeSync, renameSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { KeygroveError, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { spawnKeystore, type KeystoreClient } from "@keygrove/keystore"
import { decodeEntry, findNodeByKey, type LedgerState } from "@keygrove/ledger"
import { openLibp2pTransport, parsePeerAddress } from "@keygrove/libp2p"
import {
  FollowerLedgerEngine,
  LedgerCopyEngine,
  LedgerPlacement,
  LedgerReplica,
  ProxyService,
  resumeGrants,
  retryGrants,
  retryRevocations,
  serveLedger,
  type CallOptions,
  type LedgerEngine,
  type NodeContext,
  type NodeIdentity,
  type Placement,
  type Transport,
} from "@keygrove/service"
import { EmbeddedLedgerEngine, SqliteStorage } from "@keygrove/sqlite"
import { systemClock, systemRandom } from "@keygrove/system"
import { registerConfiguredKeys } from "./configured-keys.ts"
import { encodeConfig, forgetKeyVariables, readConfig, type NodeConfig } from "./home/config.ts"
import { variableOf } from "./home/configured-key.ts"
import { readGenesis } from "./home/home-facts.ts"
import { checkHome, homeOf, type Home } from "./home/home.ts"
import { lockHome } from "./home/instance-lock.ts"
import { programPath } from "./program-path.ts"

export interface NodeOptions {
  readonly home: string
  /** Replaces the key file of the configuration. */
  readonly keyFile?: string
  /** Descriptor of the passphrase, passed on to the keystore process unread, and closed. */
  readonly passphraseSource?: number
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
  readonly role: LedgerRole
  /** What needs attention now. */
  warnings(): readonly string[]
}

/** How often what a start could not finish is tried again: being known on the ledger, and jobs that need it. */
const SETTLE_RETRY_MS = 1_000

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
  const { keys } = keystore.value.keystore
  const registered = await registerConfiguredKeys(keys, { config: config.value, directory: home.value.directory, log: options.log }, call)
  if (!registered.ok) return registered
  const storage = SqliteStorage.open({ path: home.value.storage })
  if (!storage.ok) return storage
  stack.use(storage.value)
  const { keystore: client } = keystore.value
  const transport = await openTransport(client, config.value, call)
  if (!transport.ok) return transport
  stack.use(transport.value)
  const settled = keepPort(home.value, config.value, transport.value)
  const ledger = await openLedger(home.value, settled, { transport: transport.value, stack }, call)
  if (!ledger.ok) return ledger
  const context: NodeContext = {
    primitives: nativePrimitives,
    keystore: client,
    replica: ledger.value.replica,
    storage: storage.value,
    transport: transport.value,
    clock: systemClock,
    random: systemRandom,
  }
  const proxy = await ProxyService.open(context, call)
  if (!proxy.ok) return proxy
  stack.use(proxy.value)
  const background = new Background(context, home.value, options.log)
  const introduced = await background.introduce(call)
  if (!introduced.ok) return introduced
  stack.use(background)
  background.start()
  const placement = new LedgerPlacement(context.replica, nativePrimitives, client.identity())
  const owned = stack.move()
  const { role } = ledger.value
  const warnings = (): readonly string[] => [...warningsOf(context, background), ...copyWarning(role, context.replica)]
  return ok({
    home: home.value,
    config: settled,
    context,
    keystore: client,
    placement,
    proxy: proxy.value,
    role,
    warnings,
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  })
}

async function openKeystore(
  home: Home,
  config: NodeConfig,
  options: NodeOptions,
  call: CallOptions,
): Promise<Awaited<ReturnType<typeof spawnKeystore>>> {
  const keyFile = options.keyFile ?? config.keyFile
  const args = [
    // A library asks for a diagnostic report when it is loaded, to find out about the system's C library; it would copy variables with keys.
    "--report-exclude-env",
    programPath("keystore"),
    "serve",
    "--store",
    home.keystore,
    "--audit",
    home.audit,
    ...(keyFile === undefined ? [] : ["--key-file", keyFile]),
    ...(config.keys ?? []).flatMap((key) => variableOf(key) ?? []).flatMap((name) => ["--variable", name]),
    ...tokenArguments(home, config),
    ...(config.operators === undefined ? [] : ["--operators", JSON.stringify(config.operators), "--directory", home.directory]),
  ]
  const opening = spawnKeystore(
    {
      command: process.execPath,
      args,
      wipesFreed: config.operators !== undefined,
      ...(options.passphraseSource === undefined ? {} : { passphraseSource: options.passphraseSource }),
    },
    call,
  )
  // The keystore has inherited them.
  forgetKeyVariables(config)
  const opened = await opening.finally(() => {
    // The terminal or pipe must be free to end while the node runs.
    if (options.passphraseSource !== undefined) closeSync(options.passphraseSource)
  })
  if (opened.ok || opened.code !== "DATABASE_CORRUPT") return opened
  return refuse(opened.code, `${opened.message}, or recover the node with \`keygrove init --recover\``)
}

/** Where the keystore finds the token; none of it is secret. */
function tokenArguments(home: Home, { pkcs11 }: NodeConfig): readonly string[] {
  if (pkcs11 === undefined) return []
  const inHome = (path: string): string => resolve(home.directory, path)
  return ["--token-module", inHome(pkcs11.module), "--token-label", pkcs11.token, "--token-pin-file", inHome(pkcs11.pinFile)]
}

async function openTransport(keystore: KeystoreClient, config: NodeConfig, call: CallOptions): Promise<Result<Transport>> {
  return await openLibp2pTransport({
    signingKey: keystore.identity().keys.signingKey,
    sign: async (message, options) => {
      const signature = await keystore.sign("handshake", message, options)
      if (signature.ok) return signature.value
      throw new KeygroveError(signature.code, signature.message)
    },
    listen: [config.listen],
    signal: call.signal,
  })
}

/** A port that the system chose is kept from now on, so that others find the node again after a restart. */
function keepPort(home: Home, config: NodeConfig, transport: Transport): NodeConfig {
  const [address] = transport.addresses()
  if (!config.listen.endsWith("/tcp/0") || address === undefined) return config
  const port = /\/tcp\/(\d+)/.exec(address)?.[1]
  if (port === undefined) return config
  const settled = { ...config, listen: config.listen.replace(/\/tcp\/0$/, `/tcp/${port}`) }
  writeFileSync(`${home.config}.new`, encodeConfig(settled), { mode: 0o600, flush: true })
  renameSync(`${home.config}.new`, home.config)
  return settled
}

/** How a node has its ledger: as its host, from another node, or as a copy that learns nothing new. */
type LedgerRole = "host" | "follower" | "copy"

interface OpenedLedger {
  readonly replica: LedgerReplica
  readonly role: LedgerRole
}

async function openLedger(
  home: Home,
  config: NodeConfig,
  { transport, stack }: { readonly transport: Transport; readonly stack: AsyncDisposableStack },
  call: CallOptions,
): Promise<Result<OpenedLedger>> {
  const copy = EmbeddedLedgerEngine.open({ path: home.ledger, primitives: nativePrimitives })
  if (!copy.ok) return copy
  const role = config.ledger === "embedded" ? "host" : config.ledger === "copy" ? "copy" : "follower"
  const host = role === "follower" ? parsePeerAddress(config.ledger) : undefined
  if (host?.ok === false) {
    await copy.value[Symbol.asyncDispose]()
    return refuse(
      "CONFIG_INVALID",
      `${home.config}: "ledger" is neither "embedded" nor "copy" nor the address of a node (/ip4/…/tcp/…/p2p/…): ${host.message}`,
    )
  }
  const own: LedgerEngine = role === "copy" ? new LedgerCopyEngine(copy.value) : copy.value
  const engine: LedgerEngine =
    host === undefined
      ? own
      : FollowerLedgerEngine.start({ transport, host: host.value, copy: own, clock: systemClock, primitives: nativePrimitives })
  const replica = await LedgerReplica.open({ primitives: nativePrimitives, engine }, call)
  if (!replica.ok) return refuse(replica.code, `${home.ledger}: ${replica.message}`)
  stack.use(replica.value)
  if (role === "host") stack.use(serveLedger({ transport, engine, clock: systemClock, replica: replica.value }))
  return ok({ replica: replica.value, role })
}

/** What a node does by itself while it runs. */
class Background implements AsyncDisposable {
  readonly #context: NodeContext
  readonly #home: Home
  readonly #log: (line: string) => void
  readonly #stop = new AbortController()
  #work: Promise<unknown> = Promise.resolve()
  #lastRefusal: Refusal | undefined

  constructor(context: NodeContext, home: Home, log: (line: string) => void) {
    this.#context = context
    this.#home = home
    this.#log = log
  }

  get lastRefusal(): Refusal | undefined {
    return this.#lastRefusal
  }

  /** Tries once to put the ceremony's statements on the ledger; a host that cannot be reached is for {@link Background.start}. */
  async introduce(call: CallOptions): Promise<Result<true>> {
    const { keystore, replica } = this.#context
    if (findNodeByKey(replica.state, keystore.identity().keys.signingKey) !== undefined) return ok(true)
    // A child's first keys count after its certificate, which its parent has written; a host that cannot be reached is asked again below.
    await replica.refresh(call)
    const genesis = readGenesis(this.#home.genesis)
    if (!genesis.ok) return genesis
    const missing = genesis.value.filter((entry) => replica.judge([entry]).ok || isLater(entry))
    const appended = await replica.appendEntries(missing, call)
    if (appended.ok || findNodeByKey(replica.state, keystore.identity().keys.signingKey) !== undefined) return ok(true)
    this.#lastRefusal = appended
    return ok(true)
  }

  start(): void {
    const { signal } = this.#stop
    const work = [this.#settle(signal), this.#endGrants(signal), retryRevocations(this.#context, { signal })]
    this.#work = Promise.all(work.map(async (each) => await this.#guard(each)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#work
  }

  /** Becomes known on the ledger. */
  async #settle(signal: AbortSignal): Promise<void> {
    const { clock, keystore, replica } = this.#context
    while (findNodeByKey(replica.state, keystore.identity().keys.signingKey) === undefined) {
      await clock.sleep(SETTLE_RETRY_MS, { signal })
      await this.introduce({ signal })
    }
    this.#lastRefusal = undefined
  }

  /** Ends the grants that an earlier run left, then those of which this one does not know whether they stand. */
  async #endGrants(signal: AbortSignal): Promise<void> {
    const resumed = await resumeGrants(this.#context, { signal })
    if (!resumed.ok) this.#log(`${resumed.code}: ${resumed.message}`)
    await retryGrants(this.#context, { signal })
  }

  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#log(`NODE_BACKGROUND_FAILED: ${error instanceof Error ? error.message : "unknown"}`)
    }
  }
}

/** Certificates and rekeys are judged together with what stands before them in the batch, not alone. */
function isLater(entry: Uint8Array): boolean {
  const decoded = decodeEntry(entry)
  return decoded.ok && decoded.value.kind !== "cluster"
}

function warningsOf({ keystore, replica }: NodeContext, background: Background): readonly string[] {
  const warnings: string[] = []
  if (keystore.state() !== "unlocked") warnings.push("the keystore is locked: `keygrove down` and `keygrove up` unlock it")
  if (replica.failure !== undefined)
    warnings.push(`the ledger is not followed any more: ${replica.failure.code}: ${replica.failure.message}`)
  const ended = endOf(keystore.identity(), replica.state)
  if (ended !== undefined) return [...warnings, ended]
  if (background.lastRefusal !== undefined)
    warnings.push(`this node is not on the ledger yet: ${background.lastRefusal.code}: ${background.lastRefusal.message}`)
  return warnings
}

/** A home that was recovered from data alone: what it knows of the world ends where its copy does. */
function copyWarning(role: LedgerRole, { head }: LedgerReplica): readonly string[] {
  if (role !== "copy") return []
  return [
    `the ledger is a copy of ${head.length} entries and follows nobody; name its host as "ledger" in config.json to learn what came after`,
  ]
}

/** What became of this node on the ledger, when it is none any more. */
function endOf({ cluster, generation, path }: NodeIdentity, state: LedgerState): string | undefined {
  const members = state.clusters.get(cluster)
  const now = members?.nodes.get(path)
  if (now !== undefined && now.generation > generation)
    return `this node was replaced by generation ${now.generation} (entry ${now.certifiedAt}); its keys are worth nothing any more`
  const removed = members?.removed.get(path)
  if (now !== undefined || removed === undefined) return undefined
  const how = removed.reason === "replaced" ? "ended with a node above it that was replaced" : `was revoked (${removed.reason})`
  return `this node ${how} by entry ${removed.at}; it is no member of its cluster any more, ask for a new invitation`
}
