import { ok, refuse, type Result } from "@keygrove/base"
import type { LedgerHead, LedgerIndex, SnapshotHead } from "@keygrove/ledger"
import {
  decodeLedgerAnswer,
  encodeLedgerRequest,
  MAX_LEDGER_WAIT_MS,
  type LedgerAnswer,
  type LedgerHostRefusal,
  type LedgerRequest,
} from "@keygrove/peering"
import type { CallOptions } from "../ports/call-options.ts"
import type { Clock } from "../ports/clock.ts"
import type { LedgerSlice } from "../ports/ledger-engine.ts"
import type { PeerAddress, Transport } from "../ports/transport.ts"

/** How long a host may take to answer, on top of what it was asked to wait. */
export const LEDGER_REQUEST_TIMEOUT_MS = 10_000

export type HostRefusal = LedgerHostRefusal | "LEDGER_UNREACHABLE"

/** What a host offers to start from. */
export interface OfferedSnapshot {
  /** Encoded. */
  readonly head: Uint8Array
  /** Hash of the head of the host's log where the caller's copy ends, 32 bytes. */
  readonly before: Uint8Array
}

/** What tells a snapshot from every other. */
export type SnapshotName = Pick<SnapshotHead, "length" | "digest">

/** Speaks protocol `ledger` with one host. Answers that do not fit their request count as no answer: `LEDGER_UNREACHABLE`. */
export class LedgerHostClient {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly host: PeerAddress

  constructor(transport: Transport, host: PeerAddress, clock: Clock) {
    this.#transport = transport
    this.host = host
    this.#clock = clock
  }

  /** The same host under another key. */
  under(signingKey: Uint8Array): LedgerHostClient {
    return new LedgerHostClient(this.#transport, { ...this.host, signingKey }, this.#clock)
  }

  async head(options: CallOptions): Promise<Result<LedgerHead, HostRefusal>> {
    return this.#expectHead({ op: "head" }, options, 0)
  }

  /** The head once the host has more than `length` entries, or its head after 25 s. */
  async wait(length: LedgerIndex, options: CallOptions): Promise<Result<LedgerHead, HostRefusal>> {
    return this.#expectHead({ op: "wait", length, timeoutMs: MAX_LEDGER_WAIT_MS }, options, MAX_LEDGER_WAIT_MS)
  }

  async append(entries: readonly Uint8Array[], expected: LedgerHead, options: CallOptions): Promise<Result<LedgerHead, HostRefusal>> {
    return this.#expectHead({ op: "append", expected, entries }, options, 0)
  }

  async read(from: LedgerIndex, limit: number, options: CallOptions): Promise<Result<LedgerSlice, HostRefusal>> {
    const answer = await this.#ask({ op: "read", from, limit }, options, 0)
    if (!answer.ok) return answer
    const { value } = answer
    if (value.kind === "slice" && value.from === from && value.entries.length <= limit)
      return ok({ from, before: value.before, entries: value.entries })
    return value.kind === "refused" ? refuse(value.code, value.message) : misfit()
  }

  /** The head of the host's newest snapshot, encoded, and the hash of its log's head after `length` entries. Neither is checked here. */
  async snapshot(length: LedgerIndex, options: CallOptions): Promise<Result<OfferedSnapshot, HostRefusal>> {
    const answer = await this.#ask({ op: "snapshot", length }, options, 0)
    if (!answer.ok) return answer
    if (answer.value.kind === "snapshot") return ok({ head: answer.value.head, before: answer.value.before })
    return answer.value.kind === "refused" ? refuse(answer.value.code, answer.value.message) : misfit()
  }

  /** A part of a snapshot that the host offered, at most 512 KiB, unchecked. */
  async part({ digest, length }: SnapshotName, place: number, options: CallOptions): Promise<Result<Uint8Array, HostRefusal>> {
    const answer = await this.#ask({ op: "part", length, digest, place }, options, 0)
    if (!answer.ok) return answer
    const { value } = answer
    if (value.kind === "part" && value.place === place) return ok(value.bytes)
    return value.kind === "refused" ? refuse(value.code, value.message) : misfit()
  }

  async #expectHead(request: LedgerRequest, options: CallOptions, waitMs: number): Promise<Result<LedgerHead, HostRefusal>> {
    const answer = await this.#ask(request, options, waitMs)
    if (!answer.ok) return answer
    if (answer.value.kind === "head") return ok(answer.value.head)
    return answer.value.kind === "refused" ? refuse(answer.value.code, answer.value.message) : misfit()
  }

  async #ask(request: LedgerRequest, { signal }: CallOptions, waitMs: number): Promise<Result<LedgerAnswer, "LEDGER_UNREACHABLE">> {
    signal.throwIfAborted()
    const done = new AbortController()
    const late = new AbortController()
    const deadlineMs = LEDGER_REQUEST_TIMEOUT_MS + waitMs
    const timer = this.#clock.sleep(deadlineMs, { signal: done.signal }).then(
      () => late.abort(),
      () => undefined,
    )
    try {
      const body = encodeLedgerRequest(request)
      const answer = await this.#transport.request(this.host, "ledger", body, { signal: AbortSignal.any([signal, late.signal]) })
      signal.throwIfAborted()
      if (!answer.ok)
        return refuse("LEDGER_UNREACHABLE", `the ledger's host did not answer (${answer.code}: ${answer.message})`, answer.data)
      const decoded = decodeLedgerAnswer(answer.value)
      return decoded.ok
        ? decoded
        : refuse("LEDGER_UNREACHABLE", `the ledger's host gave an answer that cannot be read (${decoded.message})`)
    } catch (error) {
      // Whoever called gets its own reason; the deadline is an expected refusal; anything else is a fault.
      signal.throwIfAborted()
      if (!late.signal.aborted) throw error
      return refuse("LEDGER_UNREACHABLE", `the ledger's host did not answer within ${deadlineMs} ms`)
    } finally {
      done.abort()
      await timer
    }
  }
}

function misfit(): Result<never, "LEDGER_UNREACHABLE"> {
  return refuse("LEDGER_UNREACHABLE", "the ledger's host answered something else than it was asked")
}
