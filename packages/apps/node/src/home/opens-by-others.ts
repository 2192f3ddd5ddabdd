import { DatabaseSync } from "node:sqlite"
import { hasSlots } from "@keygrove/keystore/has-slots"

/** Whether pieces, or a grant of a label, may open the keystore of a home: it has a slot for them, or it cannot be read, which is for the node to say. */
export function opensByOthers(path: string, by: "pieces" | "delegated"): boolean {
  try {
    using database = new DatabaseSync(path, { readOnly: true })
    return hasSlots(database, by)
  } catch {
    return true
  }
}
