import { createHash } from "node:crypto"
import { parseArgs } from "node:util"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import {
  childPath,
  clusterIdOf,
  decodeEpoch,
  decodeGeneration,
  deriveAnchor,
  deriveEpoch,
  makeRekey,
  noPreviousRekey,
  rekeyDigest,
  ROOT_PATH,
  type Anchor,
  type ClusterId,
  type NodePath,
} from "@keygrove/hierarchy"
import {
  draftEntry,
  emptyKeyChain,
  encodeEntry,
  entrySignBytes,
  extendKeyChain,
  finishKeyChain,
  keyChainHeadSignBytes,
  verifyKeyChain,
  type KeyChain,
  type KeyChainHead,
  type Statement,
} from "@keygrove/ledger"
import { median, timed } from "./programs.ts"

const { values } = parseArgs({ options: { statements: { type: "string", default: "100000" } } })
const STATEMENTS = Number(values.statements)
const NODES = STATEMENTS / 10
/** Children of one node: ten thousand nodes are four levels deep then. */
const FANOUT = 12
/** Least speed, of the raw verification of as many signatures. */
const BAR = 0.7
const INCREMENTAL_BAR_MS = 1
const MEMORY_BAR_MIB = 200
const MIB = 2 ** 20
// Called by hand: what is left over of one step must not be counted to the next.
setFlagsFromString("--expose-gc")
const collectGarbage: () => void = runInNewContext("gc")
const ROUNDS = 5
/** Statements that are verified in one go before as many signatures are: what else the machine does disturbs both alike. */
const SLICE = 1_000

interface Signature {
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

interface Member {
  readonly path: NodePath
  readonly secret: Secret
  readonly anchor: Anchor
  readonly previous: Uint8Array
}

/**
 * A key chain of 10,000 nodes and 100,000 statements, verified from scratch, against the raw verification of the same signatures in the same run: a rekey has
 * two, its author's and that of the new key. The physical limit is the raw verification itself. `--statements 20000` makes both a fifth as large. Exit status 1 below a bar.
 */
function main(): number {
  const signatures: Signature[] = []
  const { cluster, entries, head, root, step } = writeChain(signatures)
  const bytes = entries.reduce((sum, entry) => sum + entry.length, 0)
  print(
    "chain",
    `${NODES} nodes, ${entries.length} statements, ${signatures.length} signatures, ${(bytes / MIB).toFixed(0)} MiB (${cluster.slice(0, 8)})`,
  )
  const before = settledHeap()
  const kept = unwrap(verifyKeyChain(nativePrimitives, root, { entries, head }))
  const rounds = Array.from({ length: ROUNDS }, () => measureRound({ root, entries, head }, signatures))
  const speeds = rounds.map(({ raw, ours }) => raw / ours)
  const speed = median(speeds)
  const [limit, mine] = [Math.min(...rounds.map(({ raw }) => raw)), Math.min(...rounds.map(({ ours }) => ours))]
  const memory = (settledHeap() - before) / MIB
  print("raw Ed25519 verification", `${perSecond(signatures.length, limit)}/s`)
  const range = `${Math.min(...speeds).toFixed(2)} to ${Math.max(...speeds).toFixed(2)}`
  print(
    "key chain from scratch",
    `${perSecond(entries.length, mine)} statements/s, ${speed.toFixed(2)} of raw verification (${range}; bar ${BAR}); ${median(rounds.map(({ cpu }) => cpu)).toFixed(2)} in processor time`,
  )
  print(
    "one statement more",
    `${step.mean.toFixed(3)} ms, at the 99.9th percentile ${step.slow.toFixed(3)} ms (bar ${INCREMENTAL_BAR_MS} ms)`,
  )
  print(
    "memory of the verified chain",
    `${memory.toFixed(0)} MiB beside its entries; whole process ${(process.memoryUsage.rss() / MIB).toFixed(0)} MiB`,
  )
  const standing = kept.members.nodes.size
  if (standing !== NODES + 1) throw new Error(`${standing} nodes stand at the end of the chain; expected ${NODES + 1}`)
  return speed >= BAR && step.mean < INCREMENTAL_BAR_MS && memory + bytes / MIB < MEMORY_BAR_MIB ? 0 : 1
}

/** Milliseconds of a verification from scratch, and of the raw verification of the same signatures, in turns of a slice each; `cpu` is their ratio in processor time. */
function measureRound(
  { root, entries, head }: Pick<WrittenChain, "root" | "entries" | "head">,
  signatures: readonly Signature[],
): { readonly raw: number; readonly ours: number; readonly cpu: number } {
  let [raw, ours, rawCpu, oursCpu] = [0, 0, 0, 0]
  let chain = emptyKeyChain(nativePrimitives, root)
  const perEntry = signatures.length / entries.length
  for (let from = 0; from < entries.length; from += SLICE) {
    const slice = entries.slice(from, from + SLICE)
    const [start, startCpu] = [performance.now(), cpuMs()]
    chain = extended(chain, slice)
    const [middle, middleCpu] = [performance.now(), cpuMs()]
    verifyAll(signatures.slice(Math.floor(from * perEntry), Math.floor((from + slice.length) * perEntry)))
    ours += middle - start
    oursCpu += middleCpu - startCpu
    raw += performance.now() - middle
    rawCpu += cpuMs() - middleCpu
  }
  ours += timed(() => unwrap(finishKeyChain(nativePrimitives, chain, head)))
  return { raw, ours, cpu: rawCpu / oursCpu }
}

function extended(chain: KeyChain, entries: readonly Uint8Array[]): KeyChain {
  return entries.reduce((longer, bytes) => unwrap(extendKeyChain(nativePrimitives, longer, bytes)), chain)
}

interface WrittenChain {
  readonly cluster: ClusterId
  /** The root's anchor key. */
  readonly root: Uint8Array
  readonly entries: readonly Uint8Array[]
  readonly head: KeyChainHead
  /** What one entry more took to verify, in milliseconds, over the last tenth of the chain. */
  readonly step: { readonly mean: number; readonly slow: number }
}

function writeChain(signatures: Signature[]): WrittenChain {
  const { ed25519 } = nativePrimitives
  const rootMember = memberOf(ROOT_PATH, "root")
  const root = rootMember.anchor.publicKey
  const cluster = clusterIdOf(nativePrimitives, root)
  const entries: Uint8Array[] = []
  const write = (statement: Statement, by: Member): void => {
    const author = { cluster, path: by.path, key: by.anchor.publicKey }
    const draft = draftEntry(statement, author)
    const message = entrySignBytes(draft)
    const signature = ed25519.sign(by.anchor.seed, message)
    signatures.push({ key: author.key, message, signature })
    entries.push(encodeEntry({ ...draft, signature }))
  }
  write({ kind: "cluster", body: { anchorKey: root } }, rootMember)
  const members = [rootMember]
  using carried = deriveEpoch(nativePrimitives, rootMember.secret, unwrap(decodeEpoch(1)))
  for (let index = 0; index < NODES; index++) {
    const parent = members[Math.floor(index / FANOUT)] ?? rootMember
    const path = unwrap(childPath(parent.path, `n${index}`))
    const member = memberOf(path, path)
    write({ kind: "node", body: { path, generation: unwrap(decodeGeneration(1)), anchorKey: member.anchor.publicKey } }, parent)
    members.push(member)
  }
  for (let epoch = 1; entries.length < STATEMENTS; epoch++) {
    for (const [index, member] of members.entries()) {
      if (index === 0 || entries.length >= STATEMENTS) continue
      using signing = Secret.take(seedOf(`signing ${member.path} ${epoch}`))
      // The other keys are only carried; making them anew a hundred thousand times would take longer than all that is measured.
      const secrets = { ...carried, epoch: unwrap(decodeEpoch(epoch)), signing }
      const subject = { cluster, path: member.path, generation: unwrap(decodeGeneration(1)), previous: member.previous }
      const body = makeRekey(nativePrimitives, secrets, subject)
      // The message of possession is as long as that of the entry; what it says does not change the time.
      const message = new Uint8Array(300)
      signatures.push({ key: body.keys.signingKey, message, signature: ed25519.sign(signing, message) })
      write({ kind: "rekey", body }, member)
      members[index] = { ...member, previous: rekeyDigest(nativePrimitives, body) }
    }
  }
  return { cluster, root, entries, ...closing(entries, cluster, rootMember) }
}

function memberOf(path: NodePath, name: string): Member {
  const secret = Secret.take(seedOf(name))
  return { path, secret, anchor: deriveAnchor(nativePrimitives, secret), previous: noPreviousRekey() }
}

function seedOf(name: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(`bench ${name}`).digest())
}

/** Reads a chain entry by entry and signs its head as the root. */
function closing(entries: readonly Uint8Array[], cluster: ClusterId, root: Member): Pick<WrittenChain, "head" | "step"> {
  let chain = emptyKeyChain(nativePrimitives, root.anchor.publicKey)
  const times: number[] = []
  for (const [index, bytes] of entries.entries()) {
    const ms = timed(() => (chain = unwrap(extendKeyChain(nativePrimitives, chain, bytes))))
    if (index >= 0.9 * entries.length) times.push(ms)
  }
  times.sort((a, b) => a - b)
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length
  const unsigned = { ...chain.head, author: { cluster, path: root.path, key: root.anchor.publicKey } }
  const head = { ...unsigned, signature: nativePrimitives.ed25519.sign(root.anchor.seed, keyChainHeadSignBytes(unsigned)) }
  return { head, step: { mean, slow: times[Math.floor(times.length * 0.999)] ?? Number.NaN } }
}

function verifyAll(signatures: readonly Signature[]): void {
  const { ed25519 } = nativePrimitives
  for (const { key, message, signature } of signatures)
    if (!ed25519.verify(key, message, signature)) throw new Error("a signature of the benchmark does not hold")
}

/** Bytes of the heap after a full collection; twice, because the first one only queues finalisers. */
function settledHeap(): number {
  for (let round = 0; round < 2; round++) collectGarbage()
  return process.memoryUsage().heapUsed
}

/** Processor time of this process in milliseconds, all threads counted: what else the machine does changes it little. */
function cpuMs(): number {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1_000
}

function perSecond(count: number, ms: number): string {
  return ((1_000 * count) / ms).toFixed(0)
}

function print(name: string, text: string): void {
  process.stdout.write(`${name.padEnd(30)} ${text}\n`)
}

process.exitCode = main()
