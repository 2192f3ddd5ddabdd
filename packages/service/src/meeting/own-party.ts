import { ok, refuse, type Result } from "@keygrove/base"
import { MAX_CONTACT_ADDRESS_CHARACTERS, MAX_CONTACT_ADDRESSES, ROOT_PATH } from "@keygrove/hierarchy"
import { MAX_SLICE_ENTRIES } from "@keygrove/ledger"
import { MEETING_NONCE_BYTES, type MeetingParty } from "@keygrove/peering"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { KeyChains } from "../trust/key-chains.ts"

/** This node as it shows itself in one meeting: who it is, its cluster's key chain, and a fresh nonce. Refuses a locked keystore and a node that its ledger does not have. */
export async function ownParty(
  {
    context,
    keyChains,
  }: { readonly context: Pick<NodeContext, "keystore" | "random" | "replica" | "transport">; readonly keyChains: KeyChains },
  options: CallOptions,
): Promise<Result<MeetingParty>> {
  const { cluster, generation, keys, path } = context.keystore.identity()
  const members = context.replica.state.clusters.get(cluster)
  const root = members?.nodes.get(ROOT_PATH)
  if (members?.replacedBy !== undefined)
    return refuse("MEETING_ROOT_REPLACED", "this cluster's root stepped down for another; meet as a node of the new cluster")
  const own = await keyChains.own.head(options)
  if (!own.ok) return own
  if (root === undefined || members?.nodes.get(path)?.generation !== generation)
    return refuse("NODE_NOT_ON_LEDGER", "the ledger does not know this node yet; see the warnings of `keygrove status`")
  const entries: Uint8Array[] = []
  while (entries.length < own.value.length) {
    const read = await keyChains.own.entries(entries.length, Math.min(MAX_SLICE_ENTRIES, own.value.length - entries.length), options)
    if (!read.ok) return read
    entries.push(...read.value)
  }
  const identity = {
    cluster,
    anchorKey: root.anchorKey,
    path,
    generation,
    signingKey: keys.signingKey,
    addresses: tellable(context.transport.addresses()),
    head: own.value.head,
  }
  return ok({ identity, nonce: context.random(MEETING_NONCE_BYTES), entries })
}

/** The addresses that another machine can use before those that only this one can. */
function tellable(addresses: readonly string[]): readonly string[] {
  const isLocal = (address: string): boolean => /^\/(?:ip4\/127\.|ip6\/::1\/)/.test(address)
  return addresses
    .filter((address) => address.length <= MAX_CONTACT_ADDRESS_CHARACTERS)
    .toSorted((a, b) => Number(isLocal(a)) - Number(isLocal(b)))
    .slice(0, MAX_CONTACT_ADDRESSES)
}
