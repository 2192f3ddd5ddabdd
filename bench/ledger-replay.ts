import { createHash } from "node:crypto"
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { parseArgs } from "node:util"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Secret, unwrap } from "@keygrove/base"
import { encodeInfo } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import {
  clusterBytes,
  clusterIdOf,
  decodeEpoch,
  decodeGeneration,
  decodeNodePath,
  decodeTimestamp,
  deriveAnchor,
  deriveEpoch,
  epochKeys,
  makeRekey,
  noPreviousRekey,
  rekeyDigest,
  ROOT_PATH,
  type Anchor,
  type EpochKeys,
  type NodePath,
  type NodeReference,
  type RekeyStatement,
} from "@keygrove/hierarchy"
import {
  decodeEntry,
  draftEntry,
  emptyDigest,
  emptyHead,
  encodeEntry,
  encodeSnapshot,
  encodeSnapshotHead,
  entrySignBytes,
  nextDigest,
  nextHead,
  snapshotHeadSignBytes,
  type LedgerHead,
  type Statement,
} from "@keygrove/ledger"
import { LedgerReplica, openSnapshot, type LedgerEngine } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { median } from "./programs.ts"

const { values } = parseArgs({ options: { entries: { type: "string", default: "100000" } } })
const ENTRIES = Number(values.entries)
const NODES = Math.max(2, Math.min(1_000, ENTRIES / 100))
/** Of a thousand entries after the nodes are there: so many are rekeys, grants and their ends; the others are new terms of proxies. */
const [REKEYS, GRANTS, REVOCATIONS] = [10, 5, 3]
/** Least speed, of the raw verification of as many signatures. */
const REPLAY_BAR = 0.7
/** Longest start from a snapshot at the end of the log. */
const START_BAR_MS = 1_000
const START_ROUNDS = 5
const MIB = 2 ** 20

setFlagsFromString("--expose-gc")
const collectGarbage: (options: { readonly type: "minor" }) => void = runInNewContext("gc")
const collectYoung = (): void => collectGarbage({ type: "minor" })

const signal = new AbortController().signal
const call = { signal }

type KeyPair = Pick<Anchor, "seed" | "publicKey">

interface Member {
  readonly path: NodePath
  readonly anchor: Anchor
  readonly signing: Secret
  /** Of its last rekey; before the first, keys that it never used. */
  readonly keys: EpochKeys
  readonly epoch: number
  readonly previous: Uint8Array
  readonly revision: number
}

/**
 * A node's start over a long ledger: replayed whole, against the raw verification of the same signatures in the same run, slice by slice in turns, and from a snapshot at its end. 100,000 entries by
 * default; `--entries 1000000` is the size that the bars are about. Exit status 1 below a bar.
 */
async function main(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "keygrove-bench-"))
  try {
    const path = join(directory, "ledger.db")
    const owner = await writeLedger(path)
    print("ledger", `${ENTRIES} entries, ${NODES} nodes, ${(statSync(path).size / MIB).toFixed(0)} MiB`)
    const speed = await replayWhole(path, owner)
    const startMs = await startFromSnapshot(path, owner)
    return speed >= REPLAY_BAR && startMs < START_BAR_MS ? 0 : 1
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** The node that reads, and its keys. */
interface Reader {
  readonly cluster: ReturnType<typeof clusterIdOf>
  readonly member: Member
}

/** Writes the rows as the engine does, but checks nothing and waits for no disk: verifying a million signatures while writing them would take longer than what is measured. */
async function writeLedger(path: string): Promise<Reader> {
  await unwrap(EmbeddedLedgerEngine.open({ path, primitives: nativePrimitives }))[Symbol.asyncDispose]()
  const database = new DatabaseSync(path)
  database.exec("PRAGMA synchronous = OFF")
  const insert = database.prepare("INSERT INTO entry (position, bytes, head) VALUES (?, ?, ?)")
  let head: LedgerHead = emptyHead()
  const writer = new LogWriter((bytes) => {
    const position = head.length
    if (position % 1_000 === 0) {
      if (position > 0) database.exec("COMMIT")
      database.exec("BEGIN")
      progress("writing", position)
    }
    head = nextHead(nativePrimitives, head, bytes)
    insert.run(position, bytes, head.hash)
  })
  writer.write()
  database.exec("COMMIT")
  database.close()
  progress("writing", ENTRIES)
  return writer.reader
}

class LogWriter {
  readonly #append: (bytes: Uint8Array) => void
  readonly #root = memberOf(ROOT_PATH)
  readonly #cluster = clusterIdOf(nativePrimitives, this.#root.anchor.publicKey)
  readonly #members: Member[] = []
  readonly #standing: Uint8Array[] = []
  #count = 0

  constructor(append: (bytes: Uint8Array) => void) {
    this.#append = append
  }

  get reader(): Reader {
    const [member] = this.#members
    if (member === undefined) throw new TypeError("a ledger has a node")
    return { cluster: this.#cluster, member }
  }

  write(): void {
    this.#sign({ kind: "cluster", body: { anchorKey: this.#root.anchor.publicKey } }, this.#root, this.#root.anchor)
    for (let index = 0; index < NODES; index++) this.#certify(index)
    while (this.#count < ENTRIES) this.#step(this.#count % 1_000, (this.#count * 7) % NODES)
  }

  #step(choice: number, which: number): void {
    const member = this.#members[which]
    if (member === undefined) return
    if (choice < REKEYS) this.#rekey(which, member)
    else if (choice < REKEYS + GRANTS) this.#grant(member)
    else if (choice < REKEYS + GRANTS + REVOCATIONS) this.#revoke()
    else this.#offer(which, member)
  }

  #certify(index: number): void {
    const path = unwrap(decodeNodePath(`/n${index}`))
    const member = memberOf(path)
    const body = { path, generation: unwrap(decodeGeneration(1)), anchorKey: member.anchor.publicKey }
    this.#sign({ kind: "node", body }, this.#root, this.#root.anchor)
    this.#members.push(member)
    this.#rekey(index, member)
  }

  #rekey(which: number, member: Member): void {
    const epoch = unwrap(decodeEpoch(member.epoch + 1))
    const signing = Secret.take(seedOf(`signing ${member.path} ${epoch}`))
    const subject = { cluster: this.#cluster, path: member.path, generation: unwrap(decodeGeneration(1)), previous: member.previous }
    const body = makeRekey(nativePrimitives, { ...carried, epoch, signing }, subject)
    this.#sign({ kind: "rekey", body }, member, member.anchor)
    member.signing[Symbol.dispose]()
    this.#members[which] = { ...member, signing, epoch, keys: body.keys, previous: rekeyDigest(nativePrimitives, body) }
  }

  #offer(which: number, member: Member): void {
    const revision = member.revision + 1
    const body = { revision, until: unwrap(decodeTimestamp(4_102_444_800_000)), capacity: 100, addresses: ["/ip4/192.0.2.7/tcp/7410"] }
    this.#sign({ kind: "proxy-terms", body }, member, signingPair(member))
    this.#members[which] = { ...member, revision }
  }

  #grant(member: Member): void {
    const policyId = seedOf(`policy ${this.#count}`)
    const proxies = this.#members.slice(0, 5).map((proxy, place) => {
      return { cluster: this.#cluster, path: proxy.path, signingKey: proxy.keys.signingKey, fragmentDigest: seedOf(`fragment ${place}`) }
    })
    const { delegationKey, encryptionKey, epoch, signingKey } = member.keys
    const expiresAt = unwrap(decodeTimestamp(4_102_444_800_000))
    const reader = { encryptionKey, signingKey }
    const body = {
      policyId,
      scheme: "umbral",
      epoch,
      labelKey: delegationKey,
      delegationKey,
      reader,
      threshold: 3,
      expiresAt,
      proxies,
    } as const
    this.#sign({ kind: "policy-granted", body }, member, signingPair(member))
    this.#standing.push(policyId)
  }

  #revoke(): void {
    const policyId = this.#standing.shift()
    if (policyId === undefined) return
    this.#sign({ kind: "policy-revoked", body: { policyId } }, this.#root, this.#root.anchor)
  }

  #sign(statement: Statement, by: Member, { publicKey, seed }: KeyPair): void {
    if (this.#count >= ENTRIES) return
    const draft = draftEntry(statement, { cluster: this.#cluster, path: by.path, key: publicKey })
    this.#append(encodeEntry({ ...draft, signature: nativePrimitives.ed25519.sign(seed, entrySignBytes(draft)) }))
    this.#count++
  }
}

/** What every member's epoch has but its signing key: making the others anew each time would take longer than all that is measured. */
const carried = deriveEpoch(nativePrimitives, Secret.take(seedOf("carried")), unwrap(decodeEpoch(1)))

function signingPair({ keys, signing }: Member): KeyPair {
  return { seed: signing, publicKey: keys.signingKey }
}

function memberOf(path: NodePath): Member {
  const secret = Secret.take(seedOf(path))
  return {
    path,
    anchor: deriveAnchor(nativePrimitives, secret),
    signing: Secret.take(seedOf(`signing ${path} 0`)),
    keys: epochKeys(nativePrimitives, carried),
    epoch: 0,
    previous: noPreviousRekey(),
    revision: 0,
  }
}

function seedOf(name: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(`bench ${name}`).digest())
}

interface Signature {
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** Opens the ledger as a node does, and verifies the signatures of each slice once more, raw, before the replica gets it: that time is the limit, and not the replica's. In processor time. */
async function replayWhole(path: string, { cluster, member }: Reader): Promise<number> {
  const file = unwrap(EmbeddedLedgerEngine.open({ path, primitives: nativePrimitives }))
  let [rawMs, asideMs, signatures] = [0, 0, 0]
  const read: LedgerEngine["read"] = async (from, limit, options) => {
    const slice = unwrap(await file.read(from, limit, options))
    const started = cpuMs()
    const checked = slice.entries.flatMap(signaturesOf)
    rawMs += cpuTimed(() => verifyAll(checked))
    signatures += checked.length
    // What the check left over must not be counted to the replica.
    collectYoung()
    asideMs += cpuMs() - started
    if (from % 8_192 === 0) progress("replaying", from)
    return { ok: true, value: slice }
  }
  const started = cpuMs()
  const replica = unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine: withRead(file, read) }, call))
  const ours = cpuMs() - started - asideMs
  progress("replaying", ENTRIES)
  const speed = rawMs / ours
  print("raw Ed25519 verification", `${perSecond(signatures, rawMs)}/s of ${signatures} signatures`)
  print(
    "replayed whole",
    `${perSecond(ENTRIES, ours)} entries/s in ${(ours / 1000).toFixed(1)} s, ${speed.toFixed(2)} of raw verification (bar ${REPLAY_BAR})`,
  )
  await takeSnapshot(file, replica, { cluster, member })
  await replica[Symbol.asyncDispose]()
  return speed
}

async function takeSnapshot(file: EmbeddedLedgerEngine, replica: LedgerReplica, { cluster, member }: Reader): Promise<void> {
  const { hash, length } = replica.head
  let [digest, chunks, bytes] = [emptyDigest(), 0, 0]
  const started = performance.now()
  for (const chunk of encodeSnapshot(replica.snapshot())) {
    digest = nextDigest(nativePrimitives, digest, chunk)
    bytes += chunk.length
    unwrap(await file.snapshots.putChunk(length, chunks++, chunk, call))
  }
  const { publicKey, seed } = signingPair(member)
  const unsigned = { length, hash, chunks, digest, author: { cluster, path: member.path, key: publicKey } }
  const signature = nativePrimitives.ed25519.sign(seed, snapshotHeadSignBytes(unsigned))
  unwrap(await file.snapshots.putHead(length, encodeSnapshotHead({ ...unsigned, signature }), call))
  const { policies, signingKeys } = replica.state
  const what = `${policies.size} policies, ${signingKeys.size} signing keys, ${(bytes / MIB).toFixed(1)} MiB`
  print("a snapshot", `${what}, taken in ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

/** All that lies between a node's file and a replica that is up to date. */
async function startFromSnapshot(path: string, { cluster, member }: Reader): Promise<number> {
  const [times, cpu]: [number[], number[]] = [[], []]
  for (let round = 0; round < START_ROUNDS; round++) {
    const [started, cpuStarted] = [performance.now(), cpuMs()]
    const file = unwrap(EmbeddedLedgerEngine.open({ path, primitives: nativePrimitives }))
    const reader = { cluster, path: member.path, signingKey: member.keys.signingKey }
    const { from } = unwrap(await openSnapshot({ primitives: nativePrimitives, file, snapshots: file.snapshots, reader }, call))
    if (from === undefined) throw new Error("the snapshot was refused")
    await using replica = unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine: file, from }, call))
    times.push(performance.now() - started)
    cpu.push(cpuMs() - cpuStarted)
    if (replica.head.length !== ENTRIES) throw new Error(`the replica ends at ${replica.head.length}`)
  }
  const startMs = median(times)
  const range = `${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)}`
  print(
    "started from the snapshot",
    `${startMs.toFixed(0)} ms (${range}; bar ${START_BAR_MS} ms), ${median(cpu).toFixed(0)} ms of it processor time`,
  )
  return startMs
}

function withRead(file: EmbeddedLedgerEngine, read: LedgerEngine["read"]): LedgerEngine {
  return {
    head: (options) => file.head(options),
    read,
    append: (...args) => file.append(...args),
    refresh: (options) => file.refresh(options),
    watch: (...args) => file.watch(...args),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  }
}

/** Of the entry, and of the new key within a rekey; what that signs is as long as a rekey's statement and some more, and what it says does not change the time. */
function signaturesOf(bytes: Uint8Array): readonly Signature[] {
  const entry = unwrap(decodeEntry(bytes))
  const own = { key: entry.author.key, message: entrySignBytes(entry), signature: entry.signature }
  if (entry.statement?.kind !== "rekey") return [own]
  const { keys, possession } = entry.statement.body
  return [own, { key: keys.signingKey, message: possessionOf(entry.author, entry.statement.body), signature: possession }]
}

/** docs/protocol/ledger.md, `possession`. */
function possessionOf({ cluster, path }: NodeReference, { generation, keys, previous }: RekeyStatement): Uint8Array {
  return encodeInfo(["keygrove/v1/rekey-possession", clusterBytes(cluster), path, generation, previous, { ...keys }])
}

function verifyAll(signatures: readonly Signature[]): void {
  for (const { key, message, signature } of signatures)
    if (!nativePrimitives.ed25519.verify(key, message, signature)) throw new Error("a signature of the benchmark does not hold")
}

/** Processor time of this process in milliseconds, all threads counted: what else the machine does changes it little. */
function cpuMs(): number {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1_000
}

function cpuTimed(action: () => void): number {
  const started = cpuMs()
  action()
  return cpuMs() - started
}

function perSecond(count: number, ms: number): string {
  return ((1_000 * count) / ms).toFixed(0)
}

function progress(what: string, done: number): void {
  if (process.stderr.isTTY) process.stderr.write(done >= ENTRIES ? "\r\u001b[K" : `\r${what} ${done} of ${ENTRIES}`)
}

function print(name: string, text: string): void {
  process.stdout.write(`${name.padEnd(30)} ${text}\n`)
}

process.exitCode = await main()
