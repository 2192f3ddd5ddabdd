import { refuse, type Refusal, type Result } from "@keygrove/base"
import type { Timestamp } from "@keygrove/hierarchy"
import {
  mayUse,
  versionFor,
  type AuditedAction,
  type KeyEntry,
  type KeyId,
  type KeyOperation,
  type KeyVersion,
  type OperatorName,
} from "@keygrove/keys"
import { MAX_KEY_MESSAGE_BYTES, type KeyCall, type NamedKeyRefusal } from "@keygrove/service"
import type { AuditLog } from "./audit-log.ts"
import type { KeyRecords } from "./key-records.ts"
import { UseRates } from "./use-rates.ts"

/** What somebody wants to do with a key. */
export interface AskedUse {
  readonly id: KeyId
  readonly operation: KeyOperation
  /** What it is done to, for its length. */
  readonly bytes: Uint8Array
  /** Which operator is to run. */
  readonly operator?: OperatorName
  /** Whether a person has agreed to it. */
  readonly isConfirmed?: boolean
  /** The newest unless said. */
  readonly version?: number
}

type Answer<T> = Promise<Result<T, NamedKeyRefusal>>

const SQLITE_FULL = 13
/** What must be in the trail even after a power cut. */
const DURABLE_ACTIONS: ReadonlySet<AuditedAction> = new Set<AuditedAction>(["register", "rotate", "destroy", "export", "rules"])

/** Stands before every use and change of a key: open or locked, rules, rate and state first, then the work, then the audit trail; only then the result. */
export class UseGuard {
  readonly #audit: AuditLog
  readonly #records: KeyRecords
  readonly #now: () => Timestamp
  readonly #rates: UseRates = new UseRates()
  #open = true

  constructor({ audit, now, records }: { readonly audit: AuditLog; readonly records: KeyRecords; readonly now: () => Timestamp }) {
    this.#audit = audit
    this.#records = records
    this.#now = now
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** Refuses everything from now on. */
  close(): void {
    this.#open = false
  }

  /** One use of a key. */
  async use<T>(
    call: KeyCall,
    { bytes, id, isConfirmed = false, operation, operator, version: asked }: AskedUse,
    work: (entry: KeyEntry, version: KeyVersion) => Result<T, NamedKeyRefusal> | Answer<T>,
  ): Answer<T> {
    return await this.audited(call, { key: id, action: operation, ...(operator === undefined ? {} : { operator }) }, async () => {
      if (bytes.length > MAX_KEY_MESSAGE_BYTES)
        return refuse("KEYSTORE_REQUEST_INVALID", `${bytes.length} bytes are too many; at most ${MAX_KEY_MESSAGE_BYTES} at once`)
      const entry = this.#records.find(id)
      if (!entry.ok) return entry
      const { rules } = entry.value
      const allowed = mayUse(id, rules, { caller: call.caller, operation, isConfirmed })
      if (!allowed.ok) return allowed
      const version = versionFor(entry.value, operation, asked)
      if (!version.ok) return version
      if (rules.perMinute !== undefined && !this.#rates.take(id, rules.perMinute, this.#now()))
        return refuse("KEY_RATE_EXCEEDED", `${id} may be used ${rules.perMinute} times a minute; try again in a minute`)
      return await work(entry.value, version.value)
    })
  }

  /** Work on a key of which the trail tells who had it done and what came of it. */
  async audited<T>(
    { caller, signal }: KeyCall,
    { action, key, ...how }: { readonly key: KeyId; readonly action: AuditedAction; readonly operator?: OperatorName },
    work: () => Answer<T>,
  ): Answer<T> {
    signal.throwIfAborted()
    if (!this.#open) return locked()
    if (!this.#audit.hasRoom) return refuse("KEYSTORE_BUSY", "too many uses wait to be recorded; try again in a moment")
    const result = await work().catch((error: unknown) => diskFull(error))
    // A lock in between has flushed the trail and wiped what the work needs.
    if (!this.#open) return locked()
    await this.#audit.record(
      { at: this.#now(), caller, key, action, ...how, outcome: result.ok ? "ok" : result.code },
      DURABLE_ACTIONS.has(action),
    )
    return result
  }
}

/** What everything comes to once the vault was closed. */
export function locked(): Refusal<"KEYSTORE_LOCKED"> {
  return refuse("KEYSTORE_LOCKED", "the node's secrets are locked; `keygrove unlock` opens them")
}

/** SQLite's own codes for a full disk; anything else is a fault and stays one. */
function diskFull(error: unknown): Refusal<"DISK_FULL"> {
  const isFull = error instanceof Error && "errcode" in error && error.errcode === SQLITE_FULL
  if (!isFull) throw error
  return refuse("DISK_FULL", "no space left for the keystore; free some space and try again, nothing was changed")
}
