import { equalBytes } from "@keygrove/base"
import { encodeGenesis } from "@keygrove/keystore"
import { readGenesis } from "./home-facts.ts"
import type { Home } from "./home.ts"
import { replaceDurably } from "./make-home.ts"
import { readNodeRecord } from "./node-record.ts"

/**
 * Brings the file `genesis` of a home up to its keystore, when a move was cut off between the two: the keystore's record has the node's first statement below its new root as well. It is public, and the ledger judges it.
 */
export function finishMove({ genesis, keystore }: Pick<Home, "genesis" | "keystore">): void {
  const record = readNodeRecord(keystore)
  // What is wrong with it is said when it is unlocked.
  if (!record.ok) return
  const { entry, epoch, predecessors } = record.value
  if (entry === undefined || epoch !== 1 || predecessors === undefined) return
  const entries = readGenesis(genesis)
  if (!entries.ok || !entries.value.some((each) => equalBytes(each, entry))) replaceDurably(genesis, encodeGenesis([entry]))
}
