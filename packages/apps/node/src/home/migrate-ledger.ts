import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { ok, refuse, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { EtcdLedgerSource } from "@keygrove/etcd"
import { formatPeerAddress } from "@keygrove/libp2p"
import type { LedgerHead } from "@keygrove/ledger"
import { migrateLedger, type CallOptions } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { writeConfig } from "../runtime/open-transport.ts"
import { readConfig, type NodeConfig } from "./config.ts"
import { readEtcdSetting, withPaths, type EtcdSetting } from "./etcd-setting.ts"
import { readMade } from "./home-facts.ts"
import { checkHome, homeOf, type Home } from "./home.ts"
import { lockHome } from "./instance-lock.ts"
import { readLastRekey } from "./last-rekey.ts"
import { ledgerRoleOf } from "./ledger-role.ts"

/** What `keygrove ledger migrate` asks for. */
export interface MigrateOptions {
  readonly home: string
  /** `embedded`, `etcd://…`, or the address of the node that the ledger was moved to. */
  readonly to: string
  /** How the ledger in etcd is reached. Paths are relative to the working directory. */
  readonly etcd?: EtcdSetting
  /** Told how many entries of how many are there. */
  readonly onProgress: (done: number, total: number) => void
}

export interface MigratedLedger {
  readonly head: LedgerHead
  readonly from: string
  /** As other nodes find it. */
  readonly place: string
}

/** Where the home's ledger is, and where it is to be. */
interface Move {
  readonly home: Home
  readonly config: NodeConfig
  readonly options: MigrateOptions
  readonly copy: EmbeddedLedgerEngine
  readonly stack: AsyncDisposableStack
}

/**
 * Moves the ledger of a home, whose node must not run, and has the home's configuration say so. The place where it was is closed for good, so that nobody appends there any more; cut off anywhere, it may be
 * run again. On a further node of a ledger in etcd it takes up what another one moved.
 */
export async function migrateHomeLedger(options: MigrateOptions, call: CallOptions): Promise<Result<MigratedLedger>> {
  const home = checkHome(homeOf(options.home))
  if (!home.ok) return home
  const config = readConfig(home.value.config)
  if (!config.ok) return config
  await using stack = new AsyncDisposableStack()
  const held = lockHome(home.value)
  if (!held.ok) return held
  stack.use(held.value)
  const possible = checkRoles(config.value, options)
  if (!possible.ok) return possible
  if (!existsSync(home.value.ledger))
    return refuse("LEDGER_EMPTY", `${home.value.ledger} is not there yet; start the node once with \`keygrove up\``)
  const copy = EmbeddedLedgerEngine.open({ path: home.value.ledger, primitives: nativePrimitives })
  if (!copy.ok) return copy
  stack.use(copy.value)
  return await move({ home: home.value, config: config.value, options, copy: copy.value, stack }, call)
}

function checkRoles({ ledger }: NodeConfig, { etcd, to }: MigrateOptions): Result<true> {
  const [from, target] = [ledgerRoleOf(ledger), ledgerRoleOf(to)]
  if (from === "follower" || from === "copy")
    return refuse(
      "LEDGER_NOT_HOSTED",
      `this node has its ledger from ${from === "copy" ? "nobody" : ledger}; move it on the node that hosts it`,
    )
  if (target === "copy")
    return refuse("ADDRESS_INVALID", "a ledger is moved to `embedded` or etcd://HOST:PORT,…/PREFIX; `copy` is no place")
  if (target === "follower" && from === "host")
    return refuse(
      "LEDGER_NOT_HOSTED",
      "a ledger that this node hosts is not moved into another node; move it into etcd, and from there, on that node, to `embedded`",
    )
  if (etcd !== undefined && target !== "etcd") return refuse("CONFIG_INVALID", "the options of etcd go with --to etcd://…")
  return ok(true)
}

async function move(from: Move, call: CallOptions): Promise<Result<MigratedLedger>> {
  const { config, copy, home, options, stack } = from
  const { onProgress, to } = options
  const source = ledgerRoleOf(config.ledger) === "etcd" ? await openEtcd(config, home.directory, stack) : ok(undefined)
  if (!source.ok) return source
  const setting = settingFor(options)
  const next = configFor(config, to, setting)
  const head = await copy.head(call)
  if (config.ledger === to) return ok({ head, from: config.ledger, place: to })
  const target = ledgerRoleOf(to) === "etcd" ? await openEtcd(next, home.directory, stack) : ok(undefined)
  if (!target.ok) return target
  const pruned = await copy.snapshots.prunedTo(call)
  if (!pruned.ok) return pruned
  if (target.value !== undefined && pruned.value > 0)
    return refuse(
      "LEDGER_PRUNED",
      `this node's copy has only key chains of the entries before ${pruned.value}; move the ledger on a node that keeps it whole`,
    )
  const place = ledgerRoleOf(to) === "host" ? await ownPlace(home, config, call) : ok(to)
  if (!place.ok) return place
  const elsewhere = await isMovedTo(source.value, to, call)
  if (!elsewhere.ok) return elsewhere
  const ends = {
    ...(source.value === undefined ? {} : { source: source.value }),
    ...(target.value === undefined ? {} : { target: target.value }),
  }
  const moved = await migrateLedger({ copy, own: copy.seal, place: place.value, onProgress, ...ends }, call)
  if (!moved.ok) return moved
  const reopened = ledgerRoleOf(to) === "host" ? await copy.seal.reopen(call) : ok(true)
  if (!reopened.ok) return reopened
  writeConfig(home, next)
  return ok({ head: moved.value, from: config.ledger, place: place.value })
}

/** Another node is followed only where it is said that the ledger went there. */
async function isMovedTo(source: EtcdLedgerSource | undefined, to: string, call: CallOptions): Promise<Result<true>> {
  if (ledgerRoleOf(to) !== "follower") return ok(true)
  const moved = source === undefined ? ok(undefined) : await source.movedTo(call)
  if (!moved.ok || moved.value === to) return moved.ok ? ok(true) : moved
  const where = moved.value === undefined ? "it was not moved" : `it was moved to ${moved.value}`
  return refuse("LEDGER_NOT_HOSTED", `the ledger is not at ${to}: ${where}; move it there on that node, with --to embedded`)
}

async function openEtcd({ etcd, ledger }: NodeConfig, directory: string, stack: AsyncDisposableStack): Promise<Result<EtcdLedgerSource>> {
  const setting = await readEtcdSetting(ledger, etcd ?? {}, directory)
  if (!setting.ok) return setting
  const { EtcdLedgerSource } = await import("@keygrove/etcd")
  return ok(stack.use(new EtcdLedgerSource({ ...setting.value, primitives: nativePrimitives })))
}

function settingFor({ etcd }: MigrateOptions): EtcdSetting | undefined {
  return etcd === undefined ? undefined : withPaths(etcd, (path) => resolve(path))
}

function configFor({ etcd: _etcd, ...config }: NodeConfig, to: string, setting: EtcdSetting | undefined): NodeConfig {
  return { ...config, ledger: to, ...(setting === undefined ? {} : { etcd: setting }) }
}

/** Where other nodes find this one once it hosts the ledger. */
async function ownPlace(home: Home, { listen }: NodeConfig, call: CallOptions): Promise<Result<string>> {
  const made = readMade(home.genesis)
  if (!made.ok) return made
  const last = await readLastRekey(home.ledger, made.value.node, call)
  if (!last.ok) return last
  const { signingKey } = last.value?.keys ?? made.value.keys
  return ok(formatPeerAddress({ signingKey, addresses: [listen] }))
}
