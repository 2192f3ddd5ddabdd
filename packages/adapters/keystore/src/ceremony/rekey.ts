import type { DatabaseSync } from "node:sqlite"
import { ok, refuse, type Result } from "@keygrove/base"
import { isSameNode, type Epoch, type NodePlace } from "@keygrove/hierarchy"
import type { RekeyExchange } from "@keygrove/service"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { nextPlace } from "../node-secrets.ts"
import type { SecretSource } from "../secret-source.ts"
import { nodeRecordValue } from "../node-record.ts"
import { atOnce } from "../at-once.ts"
import { wipeRun } from "../run-store.ts"
import { openStore, type StoredNode } from "../stored-node.ts"
import { checkExchange, rekeyEntry, sealEpoch } from "./prepare-rekey.ts"

export interface RekeyOrder {
  /** The generation that rekeys, and the epoch that it is in as the ledger says. */
  readonly place: NodePlace
  readonly unlock: SecretSource
  /** Of the running keystore; absent when the node does not run. */
  readonly exchange?: RekeyExchange
}

/** What a ceremony prepared. Public, or sealed. */
export interface RekeyOutcome {
  readonly epoch: Epoch
  /** Encoded ledger entry with the signed statement. */
  readonly entry: Uint8Array
  /** For the keystore that began the exchange. */
  readonly sealed?: Uint8Array
}

/**
 * Prepares the next epoch of a node: opens s(node) for that alone, signs the statement, and seals the node's record again with it, in one transaction, which of a node that does not run also takes away what pieces open. Held again before the statement is on
 * the ledger, it gives the same epoch and changes nothing.
 */
export async function holdRekey(
  database: DatabaseSync,
  tools: KeystoreTools,
  order: RekeyOrder,
  options: SourceOptions,
): Promise<Result<RekeyOutcome>> {
  const opened = await openStore(database, tools, order.unlock, options)
  if (!opened.ok) return opened
  using store = opened.value
  const { node, records } = store
  const { nodeSecret, record } = node
  const { exchange, place } = order
  const next = placeAfter(node, order)
  if (!next.ok) return next
  const proved = exchange === undefined ? ok(true) : checkExchange(tools.primitives, nodeSecret, { place, exchange })
  if (!proved.ok) return proved
  const entry = rekeyEntry(tools.primitives, nodeSecret, next.value)
  const sealed =
    exchange === undefined ? undefined : await sealEpoch(tools, nodeSecret, { place: next.value, exchangeKey: exchange.exchangeKey })
  if (sealed?.ok === false) return refuse("REKEY_EXCHANGE_INVALID", `the key of the exchange cannot be sealed to: ${sealed.message}`)
  if (record.epoch !== next.value.epoch)
    atOnce(database, () => {
      const open = nodeRecordValue({ ...record, ...next.value, entry })
      records.replace({ id: "node", kind: "node", version: 1, open }, nodeSecret, nodeRecordValue(record))
      // A keystore that runs takes the epoch into the run record itself.
      if (exchange === undefined) wipeRun(database)
    })
  return ok({ epoch: next.value.epoch, entry, ...(sealed === undefined ? {} : { sealed: sealed.value }) })
}

/** The epoch to prepare, when the store is of the generation that the order means and has no other epoch prepared. */
function placeAfter(
  { predecessors, record }: StoredNode,
  { exchange, place }: RekeyOrder,
): Result<NodePlace, "KEYSTORE_RECORD_CORRUPT" | "REKEY_EXCHANGE_INVALID" | "REKEY_EPOCHS_EXHAUSTED"> {
  if (!isSameNode(record, place) || record.generation !== place.generation)
    return refuse(
      "KEYSTORE_RECORD_CORRUPT",
      `the keystore holds ${record.path}, generation ${record.generation}, not ${place.path}, generation ${place.generation}; give the right home`,
    )
  const isPrepared = record.entry !== undefined && record.epoch === place.epoch + 1
  // A keystore from a backup may be behind the ledger; one that runs is in the epoch of its record.
  const isAtHand = exchange === undefined ? record.epoch <= place.epoch : record.epoch === place.epoch
  if (isPrepared || isAtHand)
    return nextPlace(
      place,
      predecessors.map((each) => each.place),
    )
  return refuse(
    "REKEY_EXCHANGE_INVALID",
    `the keystore is of epoch ${record.epoch}, and the node in epoch ${place.epoch}; is it the keystore of this home?`,
  )
}
