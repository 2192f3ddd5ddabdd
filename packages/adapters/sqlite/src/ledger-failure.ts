import { refuse, type Refusal } from "@keygrove/base"
import type { DatabaseRefusal } from "./errors.ts"

/** What is of the database and means something to whoever knows databases alone. */
type FileTrouble = Exclude<DatabaseRefusal, "DISK_FULL">

const CODES: ReadonlyMap<string, "LEDGER_CORRUPT" | "LEDGER_UNREACHABLE"> = new Map<FileTrouble, "LEDGER_CORRUPT" | "LEDGER_UNREACHABLE">([
  ["DATABASE_CORRUPT", "LEDGER_CORRUPT"],
  ["DATABASE_BUSY", "LEDGER_UNREACHABLE"],
  ["DATABASE_FAILED", "LEDGER_UNREACHABLE"],
  ["DATABASE_FOREIGN", "LEDGER_UNREACHABLE"],
  ["DATABASE_VERSION", "LEDGER_UNREACHABLE"],
])

/** What a refusal means of a ledger whose file it is of; what is of no database stays as it is. */
export function toLedgerRefusal<Code extends string>(
  refusal: Refusal<Code | FileTrouble>,
): Refusal<Code | "LEDGER_CORRUPT" | "LEDGER_UNREACHABLE"> {
  if (isOfLedger<Code>(refusal)) return refusal
  return refuse(CODES.get(refusal.code) ?? "LEDGER_UNREACHABLE", refusal.message)
}

function isOfLedger<Code extends string>(refusal: Refusal<Code | FileTrouble>): refusal is Refusal<Code> {
  return !CODES.has(refusal.code)
}
