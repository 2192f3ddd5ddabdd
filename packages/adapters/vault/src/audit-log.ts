import { equalConstantTime, ok, refuse, type Result } from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import type { VaultSecrets } from "@keygrove/hierarchy"
import { emptyAudit, encodeAuditEvent, foldAuditEvent, nextAuditHead, type AuditEvent, type AuditHead } from "@keygrove/keys"
import type { DatabaseSync, StatementSync } from "node:sqlite"

/** Events that wait for the next write; more and uses are refused until it is done. */
const MAX_WAITING = 4_096

interface Waiting {
  readonly event: AuditEvent
  readonly durable: boolean
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/**
 * The audit trail of a vault: hash-chained events, and their head authenticated by the vault, so that cutting the end off shows too. Events of one turn of
 * the event loop are written together. A write survives the death of the process; that of a change to a key survives a power cut as well.
 */
export class AuditLog {
  readonly #database: DatabaseSync
  readonly #primitives: Primitives
  readonly #secrets: VaultSecrets
  readonly #insert: StatementSync
  readonly #setHead: StatementSync
  #head: AuditHead
  #waiting: Waiting[] = []

  private constructor(database: DatabaseSync, primitives: Primitives, secrets: VaultSecrets, head: AuditHead) {
    this.#database = database
    this.#primitives = primitives
    this.#secrets = secrets
    this.#head = head
    this.#insert = database.prepare("INSERT INTO event (position, bytes) VALUES (?, ?)")
    this.#setHead = database.prepare(
      "INSERT INTO head (one, length, hash, proof) VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET length = excluded.length, hash = excluded.hash, proof = excluded.proof",
    )
    // A commit then costs a write instead of a flush; see `durable` for those that must not be lost with the power.
    database.exec("PRAGMA synchronous = NORMAL")
  }

  /**
   * Continues the trail in a database; borrows database and secrets. Refuses one whose head was not written by this vault, unless it is the very one that the vault took over when the node moved.
   */
  static open(database: DatabaseSync, primitives: Primitives, secrets: VaultSecrets, moved?: AuditHead): Result<AuditLog, "AUDIT_CORRUPT"> {
    const row = database.prepare("SELECT length, hash, proof FROM head").get()
    // The last one tells as much as counting would, which takes seconds for years of uses; a gap before it shows when the trail is verified.
    const found = Number(database.prepare("SELECT max(position) + 1 AS count FROM event").get()?.["count"] ?? 0)
    if (row === undefined)
      return found === 0 ? ok(new AuditLog(database, primitives, secrets, emptyAudit())) : changed(`${found} events have no head`)
    const { hash, length, proof } = row
    if (typeof length !== "number" || !(hash instanceof Uint8Array) || !(proof instanceof Uint8Array))
      return changed("its head is malformed")
    const head = { length, hash: Uint8Array.from(hash) }
    const isOurs = equalConstantTime(proof, prove(primitives, secrets, head))
    if (!isOurs && !isSameHead(head, moved)) return changed("its head is not of this vault")
    if (found !== length) return changed(`it has ${found} events, its head says ${length}`)
    const log = new AuditLog(database, primitives, secrets, head)
    if (!isOurs) log.#setHead.run(head.length, head.hash, prove(primitives, secrets, head))
    return ok(log)
  }

  get head(): AuditHead {
    return this.#head
  }

  /** Whether there is room for another event. */
  get hasRoom(): boolean {
    return this.#waiting.length < MAX_WAITING
  }

  /** Resolves when the event is written; rejects with the system's error when it cannot be. */
  record(event: AuditEvent, durable: boolean): Promise<void> {
    const { promise, reject, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ event, durable, resolve, reject })
    if (this.#waiting.length === 1) setImmediate(() => this.flush())
    return promise
  }

  /** Writes what is waiting. */
  flush(): void {
    const batch = this.#waiting
    this.#waiting = []
    if (batch.length === 0) return
    try {
      this.#head = this.#write(batch)
      for (const { resolve } of batch) resolve()
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  /** Events from a position on. */
  read(from: number, limit: number): Result<readonly AuditEvent[], "AUDIT_CORRUPT"> {
    const events: AuditEvent[] = []
    // One before, because each event carries the hash of the one before it.
    const rows = this.#database.prepare("SELECT position, bytes FROM event WHERE position >= ? ORDER BY position LIMIT ?")
    let head = emptyAudit()
    for (const { bytes, position } of rows.iterate(Math.max(0, from - 1), limit + (from > 0 ? 1 : 0))) {
      if (!(bytes instanceof Uint8Array) || typeof position !== "number") return changed("an event is malformed")
      if (position >= from) {
        const folded = foldAuditEvent(this.#primitives, head, bytes)
        if (!folded.ok) return folded
        events.push(folded.value.event)
        head = folded.value.head
      } else head = nextAuditHead(this.#primitives, { length: position, hash: head.hash }, bytes)
    }
    return ok(events)
  }

  /** Checks every link from the first event to the authenticated head. */
  verify(): Result<AuditHead, "AUDIT_CORRUPT"> {
    let head = emptyAudit()
    for (const { bytes } of this.#database.prepare("SELECT bytes FROM event ORDER BY position").iterate()) {
      if (!(bytes instanceof Uint8Array)) return changed("an event is malformed")
      const folded = foldAuditEvent(this.#primitives, head, bytes)
      if (!folded.ok) return folded
      head = folded.value.head
    }
    if (head.length !== this.#head.length || !equalConstantTime(head.hash, this.#head.hash))
      return changed(`it has ${head.length} events, its head covers ${this.#head.length} others`)
    return ok(head)
  }

  #write(batch: readonly Waiting[]): AuditHead {
    const durable = batch.some((each) => each.durable)
    if (durable) this.#database.exec("PRAGMA synchronous = FULL")
    this.#database.exec("BEGIN IMMEDIATE")
    try {
      let head = this.#head
      for (const { event } of batch) {
        const bytes = encodeAuditEvent(head, event)
        this.#insert.run(head.length, bytes)
        head = nextAuditHead(this.#primitives, head, bytes)
      }
      this.#setHead.run(head.length, head.hash, prove(this.#primitives, this.#secrets, head))
      this.#database.exec("COMMIT")
      return head
    } finally {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK")
      if (durable) this.#database.exec("PRAGMA synchronous = NORMAL")
    }
  }
}

function isSameHead(head: AuditHead, moved: AuditHead | undefined): boolean {
  return moved !== undefined && head.length === moved.length && equalConstantTime(head.hash, moved.hash)
}

function prove(primitives: Primitives, secrets: VaultSecrets, { hash, length }: AuditHead): Uint8Array {
  return primitives.hmacSha256(secrets.authentication, encodeInfo(["keygrove/v1/audit-head", length, hash]))
}

function changed(what: string): Result<never, "AUDIT_CORRUPT"> {
  return refuse("AUDIT_CORRUPT", `the audit trail was changed: ${what}; keep audit.db elsewhere as evidence, then start again`)
}
