import { resolve } from "node:path"
import { ok, refuse, toHex, type Result } from "@keygrove/base"
import type { NodePlace } from "@keygrove/hierarchy"
import { findNode } from "@keygrove/ledger"
import type { CallOptions, RekeyExchange } from "@keygrove/service"
import { runCeremony, withoutResult } from "./ceremony-process.ts"
import { checkHome, homeOf } from "./home.ts"
import { readHistory } from "./ledger-history.ts"
import { readNodeRecord } from "./node-record.ts"

export interface RekeyOptions {
  readonly home: string
  /** The generation that rekeys, and the epoch that it is in as the ledger says. */
  readonly place: NodePlace
  /** Of the running keystore; absent when the node does not run. */
  readonly exchange?: RekeyExchange
  /** Descriptor of the passphrase, passed on unread. */
  readonly passphraseSource: number | undefined
  readonly keyFile?: string
}

/** The next epoch of a node, as its ceremony prepared it. Public, or sealed. */
export interface PreparedEpoch {
  readonly epoch: number
  /** Encoded ledger entry with the signed statement. */
  readonly entry: Uint8Array
  /** For the keystore that began the exchange. */
  readonly sealed?: Uint8Array
}

/** Runs the keystore program's ceremony that opens the node's secret, prepares its next epoch in the keystore's record, and ends. */
export async function prepareRekey(options: RekeyOptions, call: CallOptions): Promise<Result<PreparedEpoch>> {
  const { exchange, home, keyFile, passphraseSource, place } = options
  const { cluster, epoch, generation, path } = place
  const order = {
    place: { cluster, path, generation, epoch },
    ...(exchange === undefined ? {} : { exchange: { exchangeKey: toHex(exchange.exchangeKey), signature: toHex(exchange.signature) } }),
  }
  const args = ["rekey", "--store", homeOf(home).keystore, "--order", JSON.stringify(order)]
  if (keyFile !== undefined) args.push("--key-file", resolve(keyFile))
  const outcome = await runCeremony(args, { passphraseSource, wordsSource: undefined }, call)
  if (!outcome.ok) return outcome
  const [prepared, entry, sealed] = [outcome.value.get("epoch"), outcome.value.get("entry"), outcome.value.get("sealed")]
  if (typeof prepared !== "number" || !(entry instanceof Uint8Array)) return withoutResult()
  return ok({ epoch: prepared, entry, ...(sealed instanceof Uint8Array ? { sealed } : {}) })
}

/** The generation that a home which does not run holds, and the epoch that it is in as the home's ledger says. Verifies that ledger from its first entry. */
export async function standingPlace(directory: string, call: CallOptions): Promise<Result<NodePlace>> {
  const home = checkHome(homeOf(directory))
  if (!home.ok) return home
  const record = readNodeRecord(home.value.keystore)
  if (!record.ok) return record
  const history = await readHistory(home.value.ledger, call)
  if (!history.ok) return history
  const { cluster, generation, path } = record.value
  const { state } = history.value.ledger
  const replaced = state.clusters.get(cluster)?.replacedBy
  if (replaced !== undefined)
    return refuse(
      "ROOT_REPLACED",
      `another root came in the place of this node's at ledger entry ${replaced.at}; move the node to it with \`keygrove node move\``,
    )
  const node = findNode(state, { cluster, path })
  if (node?.keys !== undefined && node.generation === generation) return ok({ cluster, path, generation, epoch: node.keys.epoch })
  return refuse(
    "NODE_NOT_ON_LEDGER",
    `${home.value.ledger} does not have ${path}, generation ${generation}, with keys; start the node once, its \`keygrove status\` says what is missing`,
  )
}
