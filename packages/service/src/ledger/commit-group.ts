import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { foldVerified, type FoldedLedger, type FoldStep, type LedgerHead, type VoidReason } from "@keygrove/ledger"
import type { CallOptions } from "../ports/call-options.ts"
import type { AppendRefusal, LedgerEngine } from "../ports/ledger-engine.ts"
import type { WaitingAppend } from "./append-queue.ts"

/** Why an append had no effect; nothing was written, but with `LEDGER_UNREACHABLE`, when it may have been. */
export type ReplicaRefusal = AppendRefusal | VoidReason | "LEDGER_BUSY"

/** A folded log that groups of appends are judged on and written to. */
export interface CommitLog {
  /** How far it is folded, and why it is not any more. */
  now(): { readonly ledger: FoldedLedger; readonly failure: Refusal | undefined }
  readonly append: LedgerEngine["append"]
  /** Takes over steps that the engine has appended. */
  install(steps: readonly FoldStep[]): Result<true, "LEDGER_CORRUPT">
  /** Folds what others appended, as far as the engine knows it. */
  catchUp(options: CallOptions): Promise<Result<true, "LEDGER_CORRUPT" | "LEDGER_UNREACHABLE">>
  /** Has the engine ask for what is new, and folds all of it. */
  refresh(options: CallOptions): Promise<Result<true>>
}

type Append = WaitingAppend<ReplicaRefusal>

/** Tries against a head that keeps moving. */
const MAX_APPEND_TRIES = 16
/** What an engine may refuse because of one batch of a group, though it would take the others. */
const REFUSED_FOR_ONE: ReadonlySet<AppendRefusal> = new Set(["LEDGER_ENTRY_INVALID", "LEDGER_FULL", "DISK_FULL"])

/**
 * Appends a group as one batch and settles each of its members as if they had come one after the other: each is judged on the state that those before it give,
 * what would be void is refused to its caller alone, and when others were faster all are judged again. A batch that was written shows that the others were judged on the
 * newest state; where nothing is to be written the engine is asked for news, once, before anything is refused.
 */
export async function commitGroup(
  log: CommitLog,
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  group: readonly Append[],
): Promise<void> {
  using wanted = unlessAllGaveUp(group)
  let isNewest = false
  for (let attempt = 0; attempt < MAX_APPEND_TRIES; attempt++) {
    const rest = group.filter((append) => !append.isSettled)
    if (rest.length === 0) return
    const { failure, ledger } = log.now()
    if (failure !== undefined) return settleAll(rest, refuse("LEDGER_CORRUPT", failure.message))
    const { accepted, refused } = judgeGroup(primitives, ledger, rest)
    if (accepted.length === 0) {
      if (isNewest) return settleRefused(refused)
      const asked = await log.refresh({ signal: wanted.signal })
      if (!asked.ok) return settleUnsure(refused, asked)
      isNewest = true
      continue
    }
    const steps = accepted.flatMap((each) => each.steps)
    const verified = accepted.flatMap(({ append }) => append.entries)
    const batch = verified.map(({ bytes }) => bytes)
    const appended = await log.append(batch, ledger.head, { signal: wanted.signal, verified })
    if (appended.ok) {
      const installed = log.install(steps)
      for (const { append, head } of accepted) append.settle(installed.ok ? ok(head) : installed)
      return settleRefused(refused)
    }
    if (REFUSED_FOR_ONE.has(appended.code) && accepted.length > 1) {
      for (const append of rest) await commitGroup(log, primitives, [append])
      return
    }
    if (appended.code !== "LEDGER_HEAD_MOVED") {
      for (const { append } of accepted) append.settle(appended)
      // The others were judged on what was not written.
      return await commitGroup(
        log,
        primitives,
        refused.map(({ append }) => append),
      )
    }
    const caughtUp = await log.catchUp({ signal: wanted.signal })
    if (!caughtUp.ok) return settleAll(rest, caughtUp)
  }
  settleAll(group, refuse("LEDGER_HEAD_MOVED", `others appended first ${MAX_APPEND_TRIES} times; try again`))
}

interface Accepted {
  readonly append: Append
  readonly steps: readonly FoldStep[]
  /** After its entries. */
  readonly head: LedgerHead
}

interface Refused {
  readonly append: Append
  readonly refusal: Refusal<VoidReason>
}

function judgeGroup(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  ledger: FoldedLedger,
  group: readonly Append[],
): { readonly accepted: readonly Accepted[]; readonly refused: readonly Refused[] } {
  const accepted: Accepted[] = []
  const refused: Refused[] = []
  let before = ledger
  for (const append of group) {
    const steps = judgeBatch(primitives, before, append)
    if (!steps.ok) {
      refused.push({ append, refusal: steps })
      continue
    }
    before = steps.value.at(-1)?.ledger ?? before
    accepted.push({ append, steps: steps.value, head: before.head })
  }
  return { accepted, refused }
}

/** What a batch makes of a ledger, entry by entry; refuses when one of them would have no effect. */
export function judgeBatch(
  primitives: Pick<Primitives, "sha256" | "ed25519">,
  ledger: FoldedLedger,
  { entries }: Pick<Append, "entries">,
): Result<readonly FoldStep[], VoidReason> {
  const steps: FoldStep[] = []
  for (const verified of entries) {
    const step = foldVerified(primitives, steps.at(-1)?.ledger ?? ledger, verified)
    const { entry, verdict } = step.judged
    if (verdict.kind === "void")
      return refuse(verdict.reason, `the ledger does not allow this ${entry.kind} statement of ${entry.author.path} (${verdict.reason})`)
    steps.push(step)
  }
  return ok(steps)
}

function settleRefused(refused: readonly Refused[]): void {
  for (const { append, refusal } of refused) append.settle(refusal)
}

/** What newer entries might allow is not refused for good. */
function settleUnsure(refused: readonly Refused[], { code, message }: Refusal): void {
  const isDistrust = code === "LEDGER_FORKED" || code === "LEDGER_CORRUPT"
  for (const { append, refusal } of refused) {
    const why = `${refusal.message}, as far as this node has read it, and what is new cannot be had: ${message}`
    append.settle(refuse(isDistrust ? code : "LEDGER_UNREACHABLE", why))
  }
}

function settleAll(group: readonly Append[], refusal: Refusal<ReplicaRefusal>): void {
  for (const append of group) append.settle(refusal)
}

/** Fires when the last caller of a group has given up: one that does must not take the others with it. */
function unlessAllGaveUp(group: readonly Append[]): Disposable & { readonly signal: AbortSignal } {
  const over = new AbortController()
  const check = (): void => {
    if (group.every(({ signal }) => signal.aborted)) over.abort(group[0]?.signal.reason)
  }
  for (const { signal } of group) signal.addEventListener("abort", check)
  check()
  return {
    signal: over.signal,
    [Symbol.dispose]: () => {
      for (const { signal } of group) signal.removeEventListener("abort", check)
    },
  }
}
