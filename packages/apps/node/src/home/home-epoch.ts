import { ok, type Result } from "@keygrove/base"
import { encodeIdentity } from "@keygrove/hierarchy"
import type { CallOptions } from "@keygrove/service"
import { readMade } from "./home-facts.ts"
import { homeOf } from "./home.ts"
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
  const last = await readLastRekey(home.ledger, made.value.node, call)
  if (!last.ok) return last
  const record = readNodeRecord(home.keystore)
  if (!record.ok) return record
  const { encryptionKey, epoch, signingKey } = last.value?.keys ?? made.value.keys
  const id = encodeIdentity({ encryptionKey, signingKey, cluster: made.value.node.cluster })
  return ok({ epoch, id, prepared: record.value.epoch > epoch ? record.value.epoch : null })
}
