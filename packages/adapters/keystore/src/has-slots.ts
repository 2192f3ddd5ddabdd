import type { DatabaseSync } from "node:sqlite"

/** Whether a keystore's database has a slot for these means, so that there is something for them to open. It lies in the open, and nothing authenticates it. */
export function hasSlots(database: DatabaseSync, by: "pieces" | "delegated"): boolean {
  // What is sealed to a label comes before all key generations.
  const generations = by === "pieces" ? "generation > 0" : "generation = 0"
  return database.prepare(`SELECT 1 FROM run_slot WHERE ${generations} LIMIT 1`).get() !== undefined
}
