import type { DatabaseSync } from "node:sqlite"
import { ok, unwrap, type Result } from "@keygrove/base"
import { decodeEpoch, type NodePlace } from "@keygrove/hierarchy"
import { openInvitation } from "@keygrove/ledger"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { unlockNode } from "../node-secrets.ts"
import type { SecretSource } from "../secret-source.ts"
import type { CeremonyOutcome } from "./ceremony.ts"
import { encodeGenesis } from "./found-node.ts"
import { openInvited } from "./invitation-source.ts"
import { rekeyEntry } from "./prepare-rekey.ts"
import { newUnlockSecret, storeNode } from "./store-node.ts"

export interface JoinOrder {
  /** `kginvite1…` */
  readonly invitation: string
  readonly unlock: SecretSource
  /** The code: from a descriptor, or from the terminal. */
  readonly codeDescriptor?: number
}

/**
 * Makes this machine the child that an invitation speaks of: opens its node secret with the code, checks that it is the one that the parent certified, and seals it in an
 * empty keystore database. Offline; the parent's certificate is on the ledger already. The code passes through strings, so the process must end afterwards.
 */
export async function joinCluster(
  database: DatabaseSync,
  tools: KeystoreTools,
  order: JoinOrder,
  options: SourceOptions,
): Promise<Result<CeremonyOutcome>> {
  const invitation = openInvitation(tools.primitives, order.invitation)
  if (!invitation.ok) return invitation
  const { codeDescriptor: descriptor } = order
  const source = { question: "Code of the invitation, six words: ", ...(descriptor === undefined ? {} : { descriptor }) }
  const opened = await openInvited(tools, invitation.value, source, options)
  if (!opened.ok) return opened
  using nodeSecret = opened.value
  const { author, child } = invitation.value
  const place: NodePlace = { cluster: author.cluster, path: child.path, generation: child.generation, epoch: unwrap(decodeEpoch(1)) }
  const rekey = rekeyEntry(tools.primitives, nodeSecret, place)
  const unlock = await newUnlockSecret(order.unlock, tools, options)
  if (!unlock.ok) return unlock
  using secret = unlock.value.secret
  const stored = storeNode(database, tools, { method: unlock.value.method, secret }, { place, nodeSecret })
  if (!stored.ok) return stored
  using node = unlockNode(tools.primitives, nodeSecret, place)
  return ok({ identity: node.identity, genesis: encodeGenesis([rekey]) })
}
