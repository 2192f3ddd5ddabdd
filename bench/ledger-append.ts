import { fsyncSync, closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate } from "node:timers/promises"
import { parseArgs } from "node:util"
import { unwrap, utf8 } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { EtcdLedgerSource } from "@keygrove/etcd"
import { decodeTimestamp } from "@keygrove/hierarchy"
import { FollowerLedgerEngine, LedgerReplica } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { systemClock } from "@keygrove/system"
import { EtcdCluster } from "../packages/adapters/etcd/src/etcd-cluster.fixture.ts"
import { KV } from "../packages/adapters/etcd/src/etcd_pb.ts"
import type { EtcdMembers } from "../packages/adapters/etcd/src/members.ts"
import { readTransactionAnswer, writeTransaction } from "../packages/adapters/etcd/src/messages.ts"
import {
  clusterEntry,
  kitChild,
  kitEntry,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  signingName,
  type KitNode,
} from "../packages/core/ledger/src/ledger-kit.contract.ts"
import { median, timed } from "./programs.ts"

/** Rounds in which each of them takes its turn, so that a slow moment of the machine slows all. */
const ROUNDS = 5
const WRITERS = 64
/** Entries of each writer in a round, and of the one that writes alone. */
const EACH = 24
const ALONE = 150
/** Calls of the one that writes alone before the next kind has its turn, within a round. */
const TURN = 15
/** Least share of the rate of raw puts. */
const BAR = 0.8
/** Of a head in etcd. */
const HEAD_BYTES = 52
/** Addresses of the terms that are written, so that an entry has about 1 KiB. */
const ADDRESSES = 16

const call = { signal: new AbortController().signal }

interface World {
  readonly cluster: EtcdCluster
  readonly client: EtcdMembers
  readonly replica: LedgerReplica
  /** Of each writer. */
  readonly nodes: readonly KitNode[]
  /** The last revision of each node's terms. */
  readonly revisions: number[]
  readonly putValue: Uint8Array
}

/** Rates a second, and milliseconds of the processor that this process takes for one call. */
interface Round {
  readonly put: number
  readonly transaction: number
  readonly append: number
  readonly putMs: number
  readonly transactionMs: number
  readonly appendMs: number
  readonly putTogether: number
  readonly appendTogether: number
}

/**
 * Entries of 64 writers of one node onto a ledger in an etcd of three members, and of one writer alone, against puts of the same size by the same client. Beside them the very
 * transactions that an entry is written with, and nothing of a ledger around them: what lies between these and puts is etcd's.
 */
async function main(profileOnly: boolean): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "keygrove-bench-"))
  await using cluster = await EtcdCluster.start(3)
  using client = cluster.client()
  await using replica = await openReplica(cluster, join(directory, "ledger.db"))
  const nodes = await settle(replica)
  const [sample] = entriesOf(nodes.slice(0, 1), [0], 1)
  const putValue = new Uint8Array((sample?.[0] ?? new Uint8Array(0)).length + 32)
  const world: World = { cluster, client, replica, nodes, revisions: nodes.map(() => 0), putValue }
  print("entries", `${putValue.length - 32} bytes each, signed; a put has 32 bytes more, as an entry in etcd has`)
  print("limit", `${fsyncRate(join(directory, "flushed"), putValue.length).toFixed(0)} flushed writes/s of that size to this disk`)
  await runRound(world)
  const rounds: Round[] = []
  for (let round = 0; round < (profileOnly ? 1 : ROUNDS); round++) rounds.push(await runRound(world))
  const middle = (pick: (round: Round) => number): number => median(rounds.map(pick))
  const met = [
    judge(
      `${WRITERS} writers`,
      middle((r) => r.appendTogether),
      middle((r) => r.putTogether),
      middle((r) => r.appendTogether / r.putTogether),
    ),
    judge(
      "one writer",
      middle((r) => r.append),
      middle((r) => r.put),
      middle((r) => r.append / r.put),
    ),
  ]
  const share = middle((r) => r.transaction / r.put)
  print(
    "of etcd",
    `such transactions alone ${middle((r) => r.transaction).toFixed(0)}/s, ${share.toFixed(2)}× of puts: what one writer can reach at most`,
  )
  const ms = (pick: (round: Round) => number): string => middle(pick).toFixed(2)
  const each = `a put ${ms((r) => r.putMs)} ms, a transaction ${ms((r) => r.transactionMs)} ms, an append ${ms((r) => r.appendMs)} ms`
  print("processor", `of this process, which etcd's members share it with: ${each}`)
  rmSync(directory, { recursive: true })
  return met.every(Boolean) ? 0 : 1
}

async function runRound({ client, nodes, putValue, replica, revisions }: World): Promise<Round> {
  const append = async (entries: readonly Uint8Array[]): Promise<void> => {
    for (const entry of entries) unwrap(await replica.appendEntries([entry], call))
  }
  const together = entriesOf(nodes, revisions, EACH)
  const alone = entriesOf(nodes.slice(0, 1), revisions, ALONE)[0] ?? []
  const rate = async (count: number, work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now()
    await work()
    return (1_000 * count) / (performance.now() - start)
  }
  const putSome = async (): Promise<void> => {
    for (let index = 0; index < EACH; index++) await writePut(client, putValue)
  }
  const putTogether = await rate(WRITERS * EACH, () => Promise.all(nodes.map(putSome)))
  const appendTogether = await rate(WRITERS * EACH, () => Promise.all(together.map(append)))
  const put = new Meter(() => writePut(client, putValue))
  const transaction = new Meter(() => writeLikeEntry(client, putValue))
  const appending = new Meter((index) => append(alone.slice(index, index + 1)))
  for (let done = 0; done < ALONE; done += TURN) for (const meter of [put, transaction, appending]) await meter.run(TURN)
  return {
    put: put.rate,
    transaction: transaction.rate,
    append: appending.rate,
    putMs: put.cpuMs,
    transactionMs: transaction.cpuMs,
    appendMs: appending.cpuMs,
    putTogether,
    appendTogether,
  }
}

/** Calls one after the other, measured over several turns. */
class Meter {
  readonly #work: (index: number) => Promise<void>
  #count = 0
  #wallMs = 0
  #cpuMs = 0

  constructor(work: (index: number) => Promise<void>) {
    this.#work = work
  }

  /** Calls a second. */
  get rate(): number {
    return (1_000 * this.#count) / this.#wallMs
  }

  /** Of all threads of this process, a call. */
  get cpuMs(): number {
    return this.#cpuMs / this.#count
  }

  async run(count: number): Promise<void> {
    const [start, before] = [performance.now(), process.cpuUsage()]
    for (const end = this.#count + count; this.#count < end; this.#count++) await this.#work(this.#count)
    const { system, user } = process.cpuUsage(before)
    this.#wallMs += performance.now() - start
    this.#cpuMs += (system + user) / 1_000
  }
}

/** Keys that the benchmark wrote. */
let written = 0
let lastHead = new Uint8Array(0)

async function writePut(client: EtcdMembers, value: Uint8Array): Promise<void> {
  const message = { key: utf8(`/bench/${written++}`), value }
  const outcome = await client.call({ method: KV.method.put, message, read: (answer) => answer, signal: call.signal })
  if (outcome.kind !== "answered") throw new Error(outcome.message)
}

/** As `EtcdLedgerSource` appends one entry: a head that is compared, an entry that must not be there, and both written. */
async function writeLikeEntry(client: EtcdMembers, value: Uint8Array): Promise<void> {
  const index = written++
  const entry = (at: number): Uint8Array => utf8(`/bench-ledger/entry/${String(at).padStart(16, "0")}`)
  const [head, moved] = [utf8("/bench-ledger/head"), utf8("/bench-ledger/moved")]
  const next = new Uint8Array(HEAD_BYTES)
  new DataView(next.buffer).setUint32(0, index)
  const isFirst = lastHead.length === 0
  const message = writeTransaction({
    conditions: [
      isFirst ? { kind: "absent", key: head } : { kind: "value", key: head, value: lastHead },
      { kind: "absent", key: entry(index), end: utf8("/bench-ledger/entry0") },
      { kind: "absent", key: moved },
    ],
    operations: [
      { kind: "put", key: entry(index), value },
      { kind: "put", key: head, value: next },
    ],
    otherwise: [head, entry(index), moved].map((key) => ({ kind: "range", key }) as const),
  })
  const outcome = await client.call({ method: KV.method.txn, message, read: readTransactionAnswer, signal: call.signal })
  if (outcome.kind !== "answered" || !outcome.value.succeeded) throw new Error("a transaction of the benchmark had no effect")
  lastHead = next
}

/** The replica of a node, with its copy on the disk. */
async function openReplica(cluster: EtcdCluster, path: string): Promise<LedgerReplica> {
  const copy = unwrap(EmbeddedLedgerEngine.open({ path, primitives: nativePrimitives, flushesLater: true }))
  const source = new EtcdLedgerSource({ address: cluster.address("ledger"), access: {}, primitives: nativePrimitives })
  const engine = FollowerLedgerEngine.start({ source, copy, clock: systemClock, primitives: nativePrimitives, afterTurn: setImmediate })
  return unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call))
}

/** A cluster with a node for each writer. */
async function settle(replica: LedgerReplica): Promise<readonly KitNode[]> {
  const root = kitRoot("bench")
  unwrap(await replica.appendEntries([clusterEntry(root)], call))
  const nodes = Array.from({ length: WRITERS }, (_, index) => kitChild(root, `/writer-${index}`))
  for (const node of nodes) unwrap(await replica.appendEntries([nodeEntry(root, node), rekeyEntry(node, 1)], call))
  return nodes
}

/** The next terms of each node, signed before anything is timed; counts `revisions` on. */
function entriesOf(nodes: readonly KitNode[], revisions: number[], count: number): readonly (readonly Uint8Array[])[] {
  const addresses = Array.from({ length: ADDRESSES }, (_, index) => `/ip6/2001:db8:1234:5678:9abc:def0:1234:${1_000 + index}/tcp/7410`)
  const until = unwrap(decodeTimestamp(4_102_444_800_000))
  return nodes.map((node, writer) =>
    Array.from({ length: count }, () => {
      const revision = (revisions[writer] ?? 0) + 1
      revisions[writer] = revision
      return kitEntry({ kind: "proxy-terms", body: { revision, until, capacity: 100, addresses } }, node, signingName(node, 1))
    }),
  )
}

/** Writes a second that are on the disk each before the next. */
function fsyncRate(file: string, bytes: number): number {
  const count = 300
  const handle = openSync(file, "w")
  const block = Buffer.alloc(bytes)
  const ms = timed(() => {
    for (let index = 0; index < count; index++) {
      writeSync(handle, block)
      fsyncSync(handle)
    }
  })
  closeSync(handle)
  return (1_000 * count) / ms
}

function judge(name: string, ours: number, theirs: number, ratio: number): boolean {
  const met = ratio >= BAR
  print(
    name,
    `${ours.toFixed(0)} entries/s, raw puts ${theirs.toFixed(0)}/s, ${ratio.toFixed(2)}× (bar ${BAR}×)  ${met ? "met" : "MISSED"}`,
  )
  return met
}

function print(name: string, text: string): void {
  process.stdout.write(`${name.padEnd(12)} ${text}\n`)
}

const { values } = parseArgs({ options: { once: { type: "boolean", default: false } } })
process.exitCode = await main(values.once)
