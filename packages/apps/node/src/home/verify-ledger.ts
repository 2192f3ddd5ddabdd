import { existsSync } from "node:fs"
import { scheduler } from "node:timers/promises"
import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import {
  emptyDigest,
  emptyLedger,
  encodeSnapshot,
  foldEntries,
  isSameHead,
  KeyChainIndex,
  MAX_SLICE_ENTRIES,
  nextDigest,
  verifySnapshotHead,
  type Entry,
  type FoldedLedger,
  type FoldStep,
  type LedgerHead,
  type LedgerSnapshot,
  type SnapshotHead,
} from "@keygrove/ledger"
import { readSnapshot, type CallOptions } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { checkHome, homeOf } from "./home.ts"

/** What is to be verified. */
export interface LedgerVerification {
  /** Directory of a home, also of one whose node runs. */
  readonly home: string
  /** A head that the log has to go through, such as the one that the running node goes by. */
  readonly expected?: LedgerHead
  /** Told how many entries of how many are verified. */
  readonly onProgress: (done: number, total: number) => void
}

/** What a log turned out to be. */
export interface VerifiedLedger {
  readonly head: LedgerHead
  /** Entries that have no effect, though they are well formed and signed. */
  readonly voids: number
  /** Signatures of entries, and those within statements. */
  readonly signatures: number
  /** Entries that the newest snapshot stands for, which are folded to exactly what it says; absent where there is none. */
  readonly snapshot?: number
}

/** Reads the ledger of a home from its first entry, believing nothing: each signature, how the entries chain, whether the newest snapshot is their fold. */
export async function verifyLedger({ expected, home, onProgress }: LedgerVerification, call: CallOptions): Promise<Result<VerifiedLedger>> {
  const checked = checkHome(homeOf(home))
  if (!checked.ok) return checked
  const path = checked.value.ledger
  // Opening it would make it.
  if (!existsSync(path)) return refuse("LEDGER_EMPTY", `${path} is not there yet; start the node once with \`keygrove up\``)
  const opened = EmbeddedLedgerEngine.open({ path, primitives: nativePrimitives })
  if (!opened.ok) return opened
  await using engine = opened.value
  const claimed = await newestSnapshot(engine, call)
  if (!claimed.ok) return claimed
  const target = await engine.head(call)
  const replay = new Replay(
    [target, expected, claimed.value?.head].filter((head) => head !== undefined),
    claimed.value,
  )
  while (replay.ledger.head.length < target.length) {
    const slice = await engine.read(replay.ledger.head.length, Math.min(MAX_SLICE_ENTRIES, target.length - replay.ledger.head.length), call)
    if (!slice.ok) return slice
    if (slice.value.entries.length === 0)
      return refuse("LEDGER_CORRUPT", `${path} ends at ${replay.ledger.head.length} but claims ${target.length} entries`)
    for (const step of foldEntries(nativePrimitives, replay.ledger, slice.value.entries)) {
      const taken = step.ok ? replay.take(step.value) : step
      if (!taken.ok) return taken
    }
    onProgress(replay.ledger.head.length, target.length)
    await scheduler.yield()
    call.signal.throwIfAborted()
  }
  return replay.finish()
}

/** A snapshot as this version writes it. */
interface ClaimedFold {
  readonly head: SnapshotHead
  readonly digest: Uint8Array
}

async function newestSnapshot(engine: EmbeddedLedgerEngine, call: CallOptions): Promise<Result<ClaimedFold | undefined>> {
  const heads = await engine.snapshots.heads(call)
  if (!heads.ok) return heads
  if (heads.value[0] === undefined) return ok(undefined)
  const head = verifySnapshotHead(nativePrimitives, heads.value[0])
  if (!head.ok) return head
  const snapshot = await readSnapshot({ primitives: nativePrimitives, snapshots: engine.snapshots }, head.value, call)
  if (snapshot.ok) return ok({ head: head.value, digest: digestOf(snapshot.value) })
  // Of an earlier version, which is not gone on from either.
  return snapshot.code === "SNAPSHOT_VERSION" ? ok(undefined) : snapshot
}

/** A fold that is compared with what is said of it at some heads. */
class Replay {
  ledger: FoldedLedger = emptyLedger()
  readonly #chains = new KeyChainIndex()
  readonly #expected: readonly LedgerHead[]
  readonly #snapshot: ClaimedFold | undefined
  #voids = 0
  #signatures = 0

  constructor(expected: readonly LedgerHead[], snapshot: ClaimedFold | undefined) {
    this.#expected = expected
    this.#snapshot = snapshot
  }

  take(step: FoldStep): Result<true, "LEDGER_FORKED" | "SNAPSHOT_INVALID"> {
    this.ledger = step.ledger
    this.#chains.take(nativePrimitives, step)
    const { entry, verdict } = step.judged
    this.#signatures += 1 + signaturesWithin(entry)
    if (verdict.kind === "void") this.#voids++
    return this.#objection() ?? ok(true)
  }

  finish(): Result<VerifiedLedger, "LEDGER_FORKED"> {
    const { head } = this.ledger
    const beyond = this.#expected.find(({ length }) => length > head.length)
    if (beyond !== undefined) return forked(head, beyond)
    const facts = { head, voids: this.#voids, signatures: this.#signatures }
    return ok(this.#snapshot === undefined ? facts : { ...facts, snapshot: this.#snapshot.head.length })
  }

  /** Whether something else was said of the log as it is so far. */
  #objection(): Refusal<"LEDGER_FORKED" | "SNAPSHOT_INVALID"> | undefined {
    const { head } = this.ledger
    const other = this.#expected.find((expected) => expected.length === head.length && !isSameHead(expected, head))
    if (other !== undefined) return forked(head, other)
    if (this.#snapshot?.head.length !== head.length) return undefined
    if (equalBytes(digestOf({ ...this.ledger, keyChains: this.#chains.copy() }), this.#snapshot.digest)) return undefined
    const { path } = this.#snapshot.head.author
    return refuse(
      "SNAPSHOT_INVALID",
      `the snapshot at ${head.length} that ${path} signed is not what the entries say; do not trust that node`,
    )
  }
}

function digestOf(snapshot: LedgerSnapshot): Uint8Array {
  let digest = emptyDigest()
  for (const chunk of encodeSnapshot(snapshot)) digest = nextDigest(nativePrimitives, digest, chunk)
  return digest
}

function forked(own: LedgerHead, other: LedgerHead): Refusal<"LEDGER_FORKED"> {
  const show = ({ hash, length }: LedgerHead): string => `${Buffer.from(hash).toString("hex")} at ${length}`
  return refuse("LEDGER_FORKED", `the entries chain into ${show(own)}, and not into ${show(other)}, which was said of them`)
}

/** Signatures that a statement carries: of the new key in a rekey, of holders of pieces. */
function signaturesWithin({ statement }: Entry): number {
  switch (statement?.kind) {
    case "rekey":
      return 1
    case "pieces-shared":
    case "pieces-redistributed":
      return statement.body.receipts.length
    default:
      return 0
  }
}
