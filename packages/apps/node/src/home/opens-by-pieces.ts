import { DatabaseSync } from "node:sqlite"
import { hasSlots } from "@keygrove/keystore/has-slots"

/** Whether pieces may open the keystore of a home: it has a slot, or it cannot be read, which is for the node to say. */
export function opensByPieces(path: string): boolean {
  try {
    using database = new DatabaseSync(path, { readOnly: true })
    return hasSlots(database)
  } catch {
    return true
  }
}
