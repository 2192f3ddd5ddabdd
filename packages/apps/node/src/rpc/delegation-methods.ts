import type { ApiParams, DelegationApiParams, DelegationFacts, DelegationStatus } from "@keygrove/api"
import { ok, toHex, type Result } from "@keygrove/base"
import { encodeIdentity } from "@keygrove/hierarchy"
import { decodeLabelCard } from "@keygrove/reencryption"
import type { CallOptions, StartStanding } from "@keygrove/service"
import { readConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"
import type { StartDelegation } from "../runtime/start-delegation.ts"

/** What the methods about a start by another node's label work on. */
interface DelegationMethodContext {
  readonly home: Home
  readonly runtime: { readonly pieces: { readonly delegation: StartDelegation } }
}

type Handler<M extends keyof DelegationApiParams> = (
  context: DelegationMethodContext,
  params: ApiParams[M],
  options: CallOptions,
) => Promise<Result<DelegationStatus>>

/** The methods about a start by another node's label. */
export const delegationHandlers: { readonly [M in keyof DelegationApiParams]: Handler<M> } = {
  "unlock.delegate": async ({ home, runtime }, params, options) => {
    const card = decodeLabelCard(params.card)
    if (!card.ok) return card
    const made = await runtime.pieces.delegation.delegate(card.value, options)
    return made.ok ? ok(statusOf(home, made.value)) : made
  },
  "unlock.delegation": async ({ home, runtime }, _params, options) => {
    const found = await runtime.pieces.delegation.find(options)
    return found.ok ? ok(statusOf(home, found.value)) : found
  },
  "unlock.endDelegation": async ({ home, runtime }, _params, options) => {
    const ended = await runtime.pieces.delegation.end(options)
    return ended.ok ? ok(statusOf(home, undefined)) : ended
  },
}

function statusOf({ config: path }: Home, standing: StartStanding | undefined): DelegationStatus {
  const config = readConfig(path)
  return {
    isChosen: config.ok && config.value.unlock === "delegated",
    delegation: standing === undefined ? null : factsOf(standing),
  }
}

function factsOf({ policy, reader, start }: StartStanding): DelegationFacts {
  const { epoch, label, owner } = start
  const named = { owner: { cluster: owner.cluster, path: owner.path }, label, epoch, reader: encodeIdentity(reader) }
  if (!policy.ok) return { ...named, policy: null, problem: { code: policy.code, message: policy.message } }
  const { expiresAt, policyId, proxies, threshold } = policy.value.grant
  return { ...named, policy: { id: toHex(policyId), threshold, shares: proxies.length, expiresAt }, problem: null }
}
