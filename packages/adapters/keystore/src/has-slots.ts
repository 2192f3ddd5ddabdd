import type { DatabaseSync } from "node:sqlite"

/** Whether a keystore's database has a slot, so that there is something for pieces to open. It lies in the open, and nothing authenticates it. */
export function hasSlots(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM run_slot LIMIT 1").get() !== undefined
}
