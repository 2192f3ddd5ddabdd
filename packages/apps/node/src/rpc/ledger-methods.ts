import type {
  ApiParams,
  EtcdFacts,
  LedgerApiParams,
  LedgerEntries,
  LedgerEntryFacts,
  LedgerStatus,
  SnapshotFacts,
  TakenSnapshotFacts,
} from "@keygrove/api"
import { ok, refuse, toHex, unwrap, type Result } from "@keygrove/base"
import { advanceIndex, decodeEntry, decodeLedgerIndex, MAX_SLICE_ENTRIES, type LedgerIndex } from "@keygrove/ledger"
import { formatPeerAddress } from "@keygrove/libp2p"
import type { CallOptions, LedgerReplica, TakenSnapshot } from "@keygrove/service"
import type { NodeRuntime } from "../node-runtime.ts"
import type { SeenEtcd } from "../runtime/etcd-state.ts"
import { saysOf } from "./says-of.ts"

interface LedgerMethodContext {
  readonly runtime: NodeRuntime
}

type Handler<M extends keyof LedgerApiParams> = (
  context: LedgerMethodContext,
  params: ApiParams[M],
  options: CallOptions,
) => Promise<Result<unknown>> | Result<unknown>

/** Entries that one question for a kind looks through. */
const MAX_LOOKED_THROUGH = 16_384

/** The methods about the ledger itself. */
export const ledgerHandlers: { readonly [M in keyof LedgerApiParams]: Handler<M> } = {
  "ledger.status": ({ runtime }) => ok(ledgerStatus(runtime)),
  "ledger.entries": async ({ runtime }, params, options) => await ledgerEntries(runtime.context.replica, params, options),
  "ledger.snapshot": async ({ runtime }, params, options) => await takeSnapshot(runtime, params, options),
}

async function takeSnapshot(
  { etcd, sharedLog, snapshots }: NodeRuntime,
  { prune = false, pruneEtcd = false }: ApiParams["ledger.snapshot"],
  options: CallOptions,
): Promise<Result<TakenSnapshotFacts>> {
  if (pruneEtcd && sharedLog === undefined)
    return refuse("LEDGER_NOT_HOSTED", "this node does not have its ledger in etcd; --prune drops entries from its own copy")
  // First what may be refused; the own copy is pruned at the same snapshot, or a later one.
  const shared = pruneEtcd && sharedLog !== undefined ? await snapshots.pruneLog(sharedLog, options) : undefined
  if (shared?.ok === false) return shared
  const taken = prune ? await snapshots.prune(options) : (shared ?? (await snapshots.take(options)))
  if (!taken.ok) return taken
  const etcdPrunedTo = shared?.value.length ?? etcd?.seen?.prunedTo ?? null
  return ok({ ...snapshotFacts(taken.value), prunedTo: snapshots.prunedTo, etcdPrunedTo })
}

/** How far the ledger is that a node has, and where it has it from. */
export function ledgerStatus({ config, context, etcd, followed, keystore, role, snapshots }: NodeRuntime): LedgerStatus {
  const { replica, transport } = context
  const [address] = transport.addresses()
  const own = address === undefined ? null : formatPeerAddress({ signingKey: keystore.identity().keys.signingKey, addresses: [address] })
  const host = followed === undefined ? config.ledger : formatPeerAddress(followed.host)
  return {
    role,
    length: replica.head.length,
    head: toHex(replica.head.hash),
    address: role === "host" ? own : host,
    snapshot: snapshots.newest === undefined ? null : snapshotFacts(snapshots.newest),
    prunedTo: snapshots.prunedTo,
    etcd: etcd?.seen === undefined ? null : etcdFacts(etcd.seen),
  }
}

function snapshotFacts({ author, hash, length }: TakenSnapshot): SnapshotFacts {
  return { length, head: toHex(hash), by: author.path }
}

function etcdFacts({ at, hasLeader, members, prunedTo }: SeenEtcd): EtcdFacts {
  return {
    at,
    hasLeader,
    prunedTo,
    members: members.map(({ isLeader, name, status, trouble }) => ({
      name,
      problem: trouble ?? null,
      isLeader,
      version: status?.version ?? "",
      raftTerm: status?.raftTerm ?? 0,
      raftIndex: status?.raftIndex ?? 0,
      databaseBytes: status?.databaseBytes ?? 0,
      alarms: status?.alarms ?? [],
    })),
  }
}

async function ledgerEntries(
  replica: LedgerReplica,
  { from, kind, limit }: ApiParams["ledger.entries"],
  options: CallOptions,
): Promise<Result<LedgerEntries>> {
  const first = decodeLedgerIndex(from)
  if (!first.ok) return first
  const entries: LedgerEntryFacts[] = []
  let next: LedgerIndex = first.value
  while (entries.length < limit && next - first.value < MAX_LOOKED_THROUGH) {
    const slice = await replica.read(next, kind === undefined ? limit - entries.length : MAX_SLICE_ENTRIES, options)
    if (!slice.ok) return slice
    if (slice.value.entries.length === 0) break
    for (const bytes of slice.value.entries) {
      if (entries.length === limit) break
      const facts = entryFacts(next, bytes)
      if (kind === undefined || facts.kind === kind) entries.push(facts)
      next = advanceIndex(next, 1)
    }
  }
  return ok({ entries, next })
}

function entryFacts(index: LedgerIndex, bytes: Uint8Array): LedgerEntryFacts {
  const { author, kind, statement } = unwrap(decodeEntry(bytes))
  return { index, kind, cluster: author.cluster, path: author.path, key: toHex(author.key), says: saysOf(statement) }
}
