import { ok, type Result } from "@keygrove/base"
import { encodeIdentity, type EpochKeys } from "@keygrove/hierarchy"
import type { CallOptions } from "@keygrove/service"
import { readMade, type MadeNode } from "./home-facts.ts"
import { homeOf, type Home } from "./home.ts"
import { readLastRekey } from "./last-rekey.ts"
import { readNodeRecord } from "./node-record.ts"

/** Which keys the node of a home has, as the home's own ledger says. */
export interface HomeEpoch {
  readonly epoch: number
  /** `kg1…` of the keys of that epoch. */
  readonly id: string
  /** The epoch that is prepared and counts when the node has started; null when there is none. */
  readonly prepared: number | null
}

/** Reads it without any secret and without the node running. */
export async function readHomeEpoch(directory: string, call: CallOptions): Promise<Result<HomeEpoch>> {
  const home = homeOf(directory)
  const made = readMade(home.genesis)
  if (!made.ok) return made
  const keys = await lastKeys(home, made.value, call)
  if (!keys.ok) return keys
  const record = readNodeRecord(home.keystore)
  if (!record.ok) return record
  const { encryptionKey, epoch, signingKey } = keys.value
  const id = encodeIdentity({ encryptionKey, signingKey, cluster: made.value.node.cluster })
  return ok({ epoch, id, prepared: record.value.epoch > epoch ? record.value.epoch : null })
}

/** The keys that a home's own ledger knew of its node last, or those that it was made with. */
export async function readLastKeys(home: Pick<Home, "genesis" | "ledger">, call: CallOptions): Promise<Result<EpochKeys>> {
  const made = readMade(home.genesis)
  return made.ok ? await lastKeys(home, made.value, call) : made
}

async function lastKeys({ ledger }: Pick<Home, "ledger">, { keys, node }: MadeNode, call: CallOptions): Promise<Result<EpochKeys>> {
  const last = await readLastRekey(ledger, node, call)
  return last.ok ? ok(last.value?.keys ?? keys) : last
}
