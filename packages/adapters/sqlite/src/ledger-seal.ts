import type { DatabaseSync } from "node:sqlite"
import { ok, refuse, type Result } from "@keygrove/base"
import type { LedgerHead } from "@keygrove/ledger"
import type { CallOptions, SealableLog, SealRefusal } from "@keygrove/service"
import { inTransaction } from "./database.ts"
import type { DatabaseRefusal } from "./errors.ts"
import { toLedgerRefusal } from "./ledger-failure.ts"
import type { Attempt } from "./ledger-snapshots.ts"
import { whileBusy } from "./retry.ts"

type Compare = (expected: LedgerHead) => Result<true, "LEDGER_HEAD_MOVED">

/** Says in the file of an embedded ledger that it goes on elsewhere. The file may still be the copy of what it became there, so that nothing but its host looks at this. */
export class SqliteLedgerSeal implements SealableLog {
  readonly #database: DatabaseSync
  readonly #attempt: Attempt
  readonly #compare: Compare

  /** @param attempt of the engine that owns the file, as is @param compare. */
  constructor(database: DatabaseSync, attempt: Attempt, compare: Compare) {
    this.#database = database
    this.#attempt = attempt
    this.#compare = compare
  }

  async movedTo({ signal }: CallOptions): Promise<Result<string | undefined, "LEDGER_UNREACHABLE" | "LEDGER_CORRUPT">> {
    signal.throwIfAborted()
    const read = this.#attempt(() => ok(this.#read()))
    if (read.ok) return read
    const { code, message } = toLedgerRefusal(read)
    return refuse(code === "LEDGER_CORRUPT" ? code : "LEDGER_UNREACHABLE", message)
  }

  async seal(target: string, expected: LedgerHead, { signal }: CallOptions): Promise<Result<true, SealRefusal>> {
    return await this.#write(signal, () => {
      const moved = this.#read()
      if (moved === target) return ok(true)
      if (moved !== undefined) return refuse("LEDGER_MOVED", `the ledger was moved and goes on at ${moved}`, { target: moved })
      const same = this.#compare(expected)
      if (!same.ok) return same
      this.#database.prepare("INSERT INTO fact (name, value) VALUES ('moved', ?)").run(target)
      return ok(true)
    })
  }

  /** The ledger is in this file again. */
  async reopen({ signal }: CallOptions): Promise<Result<true, SealRefusal>> {
    return await this.#write(signal, () => {
      this.#database.exec("DELETE FROM fact WHERE name = 'moved'")
      return ok(true)
    })
  }

  async #write(signal: AbortSignal, work: () => Result<true, "LEDGER_HEAD_MOVED" | "LEDGER_MOVED">): Promise<Result<true, SealRefusal>> {
    const written = await whileBusy<true, SealRefusal | DatabaseRefusal>(signal, () =>
      this.#attempt(() => inTransaction(this.#database, work)),
    )
    return written.ok ? written : toLedgerRefusal(written)
  }

  #read(): string | undefined {
    const value = this.#database.prepare("SELECT value FROM fact WHERE name = 'moved'").get()?.value
    return typeof value === "string" ? value : undefined
  }
}
