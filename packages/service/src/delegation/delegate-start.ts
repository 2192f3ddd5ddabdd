import { ok, refuse, type Result } from "@keygrove/base"
import { isSameNode, type Identity } from "@keygrove/hierarchy"
import { findNode, hasKeys, type PolicyState } from "@keygrove/ledger"
import type { LabelCard } from "@keygrove/reencryption"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { DelegatedStart } from "../ports/delegated-start.ts"
import type { Keystore } from "../ports/keystore.ts"
import type { PieceKeys } from "../ports/piece-keys.ts"
import type { ReadRefusal } from "../sharing/read-policy.ts"
import { findStartPolicies } from "./start-policies.ts"

interface DelegationContext extends Pick<NodeContext, "clock" | "replica"> {
  readonly keystore: Keystore & PieceKeys
}

/** A start by a label as it is set up on a node that runs. */
export interface StartStanding {
  readonly start: DelegatedStart
  /** To whom the label is to be granted: this node as a reader before it is unlocked. */
  readonly reader: Identity
  /** The newest policy that opens it, or why there is none. */
  readonly policy: Result<PolicyState, ReadRefusal>
}

/**
 * Has this node's storage key sealed to a label of another node, so that a grant of it opens this one when it starts. Takes the place of what was set up before; a grant of the same label goes on. Refuses `DELEGATE_OWN_LABEL`, and `DELEGATE_UNKNOWN`
 * when the ledger does not know the label's owner.
 */
export async function delegateStart(context: DelegationContext, card: LabelCard, options: CallOptions): Promise<Result<StartStanding>> {
  const { cluster, path, predecessors } = context.keystore.identity()
  if ([{ cluster, path }, ...predecessors].some((own) => isSameNode(own, card.owner)))
    return refuse(
      "DELEGATE_OWN_LABEL",
      "the label is this node's own, which opens nothing while it is locked; take the card of another node's label",
    )
  const owner = findNode(context.replica.state, card.owner)
  if (owner === undefined || !hasKeys(owner))
    return refuse(
      "DELEGATE_UNKNOWN",
      `the ledger of this node has no node ${card.owner.path} of cluster ${card.owner.cluster.slice(0, 16)}…, so its grant would never be seen here; take a card of a node on this ledger`,
    )
  const made = await context.keystore.delegateStart(card, options)
  if (!made.ok) return made
  return await standingOf(context, made.value, options)
}

/** The start by a label that is set up; `undefined` when none is. */
export async function findStart(context: DelegationContext, options: CallOptions): Promise<Result<StartStanding | undefined>> {
  const found = await context.keystore.delegatedStart(options)
  if (!found.ok) return found
  return found.value === undefined ? ok(undefined) : await standingOf(context, found.value, options)
}

/** A start that is set up as the ledger and the clock have it now. */
export function startStanding(
  { clock, replica }: Pick<NodeContext, "clock" | "replica">,
  { reader, start }: Pick<StartStanding, "reader" | "start">,
): StartStanding {
  const policies = findStartPolicies(replica.state, clock.now(), { start, reader })
  return { start, reader, policy: policies.ok ? ok(policies.value[0]) : policies }
}

async function standingOf(context: DelegationContext, start: DelegatedStart, options: CallOptions): Promise<Result<StartStanding>> {
  const keys = await context.keystore.bootKeys(options)
  if (!keys.ok) return keys
  const { encryptionKey, signingKey } = keys.value
  return ok(startStanding(context, { start, reader: { encryptionKey, signingKey, cluster: context.keystore.identity().cluster } }))
}
