import { KeygroveError, refuse, unreachable } from "@keygrove/base"
import { isSameHead, type LedgerIndex } from "@keygrove/ledger"
import { decodeLedgerRequest, encodeLedgerAnswer, type LedgerAnswer, type LedgerHostRefusal, type LedgerRequest } from "@keygrove/peering"
import { WHOLE_LEDGER } from "../peers/peer-guard.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Clock } from "../ports/clock.ts"
import type { LedgerEngine } from "../ports/ledger-engine.ts"
import type { InboundRequest, PeerRejection, Transport } from "../ports/transport.ts"
import type { LedgerReplica } from "./replica.ts"
import { answerPart, answerSnapshot, type HostSnapshots } from "./serve-snapshot.ts"
import { DEFAULT_PEER_LIMITS, PeerMeter, type PeerLimits } from "./peer-limits.ts"

export interface LedgerHostOptions {
  readonly transport: Pick<Transport, "serve">
  /** Not owned: dispose of the service first. */
  readonly engine: LedgerEngine
  readonly clock: Clock
  /**
   * The host's own view of the same engine. Void entries harm nobody but fill the log, so a host with a replica refuses them;
   * without, whatever is well signed is appended.
   */
  readonly replica?: Pick<LedgerReplica, "head" | "judge" | "waitUntil">
  readonly limits?: PeerLimits
  /** In the engine's file: where followers start that are behind what it keeps. Without it they are refused. */
  readonly snapshots?: HostSnapshots
}

/** Serves a ledger to followers over protocol `ledger`, with limits for each peer, until disposed of. */
export function serveLedger(options: LedgerHostOptions): Disposable {
  const meter = new PeerMeter(options.limits ?? DEFAULT_PEER_LIMITS, options.clock)
  return options.transport.serve("ledger", async (request, call) => {
    const answer = await answerRequest(options, meter, request, call)
    return "ok" in answer ? answer : encodeLedgerAnswer(answer)
  })
}

type AppendRequest = Extract<LedgerRequest, { readonly op: "append" }>

async function answerRequest(
  options: LedgerHostOptions,
  meter: PeerMeter,
  inbound: InboundRequest,
  call: CallOptions,
): Promise<LedgerAnswer | PeerRejection> {
  const request = decodeLedgerRequest(inbound.body)
  if (!request.ok) return refused(request)
  const asked = inbound.readsTo === undefined ? request.value : upTo(inbound.readsTo, request.value)
  if (asked === undefined) return refuse("PEER_REMOVED", "the caller's key has ended")
  const admitted = meter.admit(inbound.from, asked.op)
  if (!admitted.ok) return refused(admitted)
  using _admission = admitted.value
  try {
    return await perform(options, asked, call)
  } catch (error) {
    call.signal.throwIfAborted()
    if (!(error instanceof KeygroveError)) throw error
    return { kind: "refused", code: error.code === "LEDGER_CORRUPT" ? "LEDGER_CORRUPT" : "LEDGER_UNREACHABLE", message: error.message }
  }
}

/** What is left of a request for a caller that may read `length` entries and no more; `undefined` when nothing is. */
function upTo(length: LedgerIndex, request: LedgerRequest): LedgerRequest | undefined {
  switch (request.op) {
    case "head":
      return request
    case "read":
      return request.from < length ? { ...request, limit: Math.min(request.limit, length - request.from) } : undefined
    case "wait":
      return request.length < length ? request : undefined
    case "append":
      return undefined
    // A snapshot may say what came later.
    case "snapshot":
    case "part":
      return length === WHOLE_LEDGER ? request : undefined
    default:
      return unreachable(request)
  }
}

async function perform(options: LedgerHostOptions, request: LedgerRequest, call: CallOptions): Promise<LedgerAnswer> {
  const { engine } = options
  switch (request.op) {
    case "head":
      return { kind: "head", head: await engine.head(call) }
    case "read": {
      const slice = await engine.read(request.from, request.limit, call)
      return slice.ok ? { kind: "slice", ...slice.value } : refused(slice)
    }
    case "append": {
      const objection = await objectionTo(options, request, call)
      if (objection !== undefined) return objection
      const appended = await engine.append(request.entries, request.expected, call)
      return appended.ok ? { kind: "head", head: appended.value } : refused(appended)
    }
    case "wait":
      await waitForNews(options, request, call)
      return { kind: "head", head: await engine.head(call) }
    case "snapshot":
      return options.snapshots === undefined ? noSnapshots() : await answerSnapshot(options.snapshots, request, call)
    case "part":
      return options.snapshots === undefined ? noSnapshots() : await answerPart(options.snapshots, request, call)
    default:
      return unreachable(request)
  }
}

/** The refusal of a batch that would be void at the head it names. At any other head the engine refuses it, and knows better than a replica that lags behind. */
async function objectionTo(
  { engine, replica }: LedgerHostOptions,
  batch: AppendRequest,
  call: CallOptions,
): Promise<LedgerAnswer | undefined> {
  if (replica === undefined || !isSameHead(await engine.head(call), batch.expected)) return undefined
  const folded = await replica.waitUntil(batch.expected.length, call)
  if (!folded.ok || !isSameHead(replica.head, batch.expected)) return undefined
  const judged = replica.judge(batch.entries)
  return judged.ok ? undefined : { kind: "refused", code: "LEDGER_ENTRY_INVALID", message: judged.message }
}

/** Returns when the ledger has another length than `length`, or the time is over. */
async function waitForNews(
  { engine, clock }: LedgerHostOptions,
  request: { readonly length: LedgerIndex; readonly timeoutMs: number },
  call: CallOptions,
): Promise<void> {
  const head = await engine.head(call)
  if (head.length !== request.length) return
  using over = abortOnDispose()
  const signal = AbortSignal.any([call.signal, over.signal])
  const time = clock.sleep(request.timeoutMs, { signal }).catch(rethrowUnless(signal))
  await Promise.race([time, firstSlice(engine, request.length, { signal })])
}

async function firstSlice(engine: LedgerEngine, from: LedgerIndex, call: CallOptions): Promise<void> {
  for await (const _slice of engine.watch(from, call)) return
}

function abortOnDispose(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() }
}

function rethrowUnless(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error
  }
}

function noSnapshots(): LedgerAnswer {
  return { kind: "refused", code: "LEDGER_PRUNED", message: "the ledger's host has no snapshots to start from" }
}

function refused(refusal: { readonly code: LedgerHostRefusal; readonly message: string }): LedgerAnswer {
  return { kind: "refused", code: refusal.code, message: refusal.message }
}
