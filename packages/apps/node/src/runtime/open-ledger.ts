import { ok, refuse, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { formatPeerAddress, parsePeerAddress } from "@keygrove/libp2p"
import {
  followHost,
  LedgerCopyEngine,
  LedgerReplica,
  PeerGuard,
  serveJoin,
  serveLedger,
  type CallOptions,
  type LedgerEngine,
  type LedgerHostSource,
  type NodeIdentity,
  type PeerAddress,
  type Transport,
} from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { systemClock } from "@keygrove/system"
import { readConfig, type NodeConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"
import { writeConfig } from "./open-transport.ts"

/** How a node has its ledger: as its host, from another node, or as a copy that learns nothing new. */
export type LedgerRole = "host" | "follower" | "copy"

export interface OpenedLedger {
  readonly replica: LedgerReplica
  readonly role: LedgerRole
  /** The transport that answers only whom the ledger knows; what the node serves it serves through this one. */
  readonly guard: PeerGuard
  /** Where a follower finds the ledger's host now, and how it becomes known there. */
  readonly followed?: Pick<LedgerHostSource, "host" | "join">
}

interface LedgerSurroundings {
  readonly transport: Transport
  readonly identity: NodeIdentity
  readonly stack: AsyncDisposableStack
}

/** Opens the node's ledger in the role that its configuration names; what was opened is left on `stack`. */
export async function openLedger(
  home: Home,
  config: NodeConfig,
  { identity, transport, stack }: LedgerSurroundings,
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
  const view: { replica?: LedgerReplica } = {}
  const own: LedgerEngine = role === "copy" ? new LedgerCopyEngine(copy.value) : copy.value
  const followed =
    host === undefined
      ? undefined
      : followHost({
          transport,
          host: host.value,
          copy: own,
          clock: systemClock,
          primitives: nativePrimitives,
          folded: () => view.replica,
          onMoved: (moved) => keepLedgerHost(home, moved),
        })
  const engine = followed ?? own
  const replica = await LedgerReplica.open({ primitives: nativePrimitives, engine }, call)
  if (!replica.ok) return refuse(replica.code, `${home.ledger}: ${replica.message}`)
  view.replica = replica.value
  stack.use(replica.value)
  const predecessors = identity.predecessors.map(({ cluster }) => cluster)
  const clusters = { own: identity.cluster, predecessors, peers: config.peers ?? "ledger" } as const
  const admission = { ...clusters, clock: systemClock, replica: replica.value }
  const guard = stack.use(new PeerGuard({ ...admission, transport }))
  if (role === "host") {
    stack.use(serveLedger({ transport: guard, engine, clock: systemClock, replica: replica.value }))
    stack.use(
      serveJoin({ ...admission, transport: guard, primitives: nativePrimitives, onEnded: (key, endedAt) => guard.letRead(key, endedAt) }),
    )
  }
  return ok({ replica: replica.value, role, guard, ...(followed === undefined ? {} : { followed: followed.source }) })
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
