import { fromHex, unwrap, type CborValue } from "@keygrove/base"
import { clusterBytes, encodeRootReplacement, encodeTrustStatement } from "@keygrove/hierarchy"
import { encodePolicyGrant, encodeProxyTerms } from "@keygrove/reencryption"
import type { ClusterState, NodeState, TrustState } from "../state.ts"
import { knownKinds } from "../statement.ts"
import { custodyRecordsOf } from "./custody-records.ts"
import { chunksOf } from "./frames.ts"
import { KEY_CHAIN_RECORD_ENTRIES, SECTIONS, type SectionName } from "./sections.ts"
import type { LedgerSnapshot } from "./snapshot.ts"

/** Version of the form, and of what the kinds that are named in it do. */
export const SNAPSHOT_VERSION = 1

/**
 * The bytes of a snapshot, in chunks of `MAX_SNAPSHOT_CHUNK_BYTES`, the last one shorter. The same fold has the same bytes, on every node. Made as they are asked for: states are immutable, so the
 * live one may go on meanwhile.
 */
export function encodeSnapshot(snapshot: LedgerSnapshot): Generator<Uint8Array, undefined> {
  return chunksOf(recordsOf(snapshot))
}

function* recordsOf(snapshot: LedgerSnapshot): Generator<CborValue, undefined> {
  const { head, state } = snapshot
  yield ["keygrove snapshot", SNAPSHOT_VERSION, head.length, head.hash, state.origin ?? null, knownKinds(), state.unknownKinds ?? []]
  for (const section of SECTIONS) {
    yield section
    yield* sections[section](snapshot)
  }
  yield "end"
}

type RecordsOf = (snapshot: LedgerSnapshot) => Iterable<CborValue>

const sections: { readonly [Name in SectionName]: RecordsOf } = {
  *clusters({ state }) {
    for (const cluster of state.clusters.values()) yield clusterRecord(cluster)
  },
  *nodes({ state }) {
    for (const { nodes } of state.clusters.values()) for (const node of nodes.values()) yield nodeRecord(node)
  },
  *removed({ state }) {
    for (const { removed } of state.clusters.values())
      for (const { at, cluster, generation, path, reason } of removed.values()) yield [clusterBytes(cluster), path, generation, reason, at]
  },
  *trusted({ state }) {
    for (const { id, trusted } of state.clusters.values()) for (const trust of trusted.values()) yield trustRecord(clusterBytes(id), trust)
  },
  *policies({ state }) {
    for (const { grant, grantedAt, owner, ownerSigningKey, revokedAt } of state.policies.values())
      yield [
        grant.policyId,
        encodePolicyGrant(grant),
        clusterBytes(owner.cluster),
        owner.path,
        ownerSigningKey,
        grantedAt,
        revokedAt ?? null,
      ]
  },
  *signingKeys({ state }) {
    for (const [key, { anchorKey, cluster, epoch, path, since }] of state.signingKeys.entries())
      yield [unwrap(fromHex(key)), clusterBytes(cluster), path, epoch, since, anchorKey]
  },
  *anchorKeys({ state }) {
    for (const [key, { cluster, lastKey, path }] of state.anchorKeys.entries())
      yield [unwrap(fromHex(key)), clusterBytes(cluster), path, lastKey ?? null]
  },
  *bootKeys({ state }) {
    for (const [key, { cluster, path }] of state.bootKeys.entries()) yield [unwrap(fromHex(key)), clusterBytes(cluster), path]
  },
  *custody({ state }) {
    for (const each of state.clusters.values())
      for (const { bytes, cluster, part } of custodyRecordsOf(each)) yield [clusterBytes(cluster), part, bytes]
  },
  *keyChains({ keyChains, state }) {
    for (const { id } of state.clusters.values()) {
      const chain = keyChains.get(id)
      if (chain === undefined) throw new TypeError("a cluster has a key chain as soon as it was announced")
      const { head, indexes } = chain
      for (let from = 0; from < indexes.length; from += KEY_CHAIN_RECORD_ENTRIES) {
        const places = indexes.slice(from, from + KEY_CHAIN_RECORD_ENTRIES)
        const steps = places.map((place, offset) => place - (places[offset - 1] ?? indexes[from - 1] ?? 0))
        yield [clusterBytes(id), from / KEY_CHAIN_RECORD_ENTRIES, head.hash, steps]
      }
    }
  },
}

function clusterRecord(cluster: ClusterState): CborValue {
  const {
    announcedAt,
    custody: _custody,
    id,
    livePolicies: _live,
    nodes: _nodes,
    removed: _removed,
    replacedBy,
    trustCount: _count,
    trusted: _trusted,
    ...rest
  } = cluster
  // A field that a later version adds to a cluster does not compile here until it is written.
  rest satisfies Record<string, never>
  return [clusterBytes(id), announcedAt, replacedBy === undefined ? null : [encodeRootReplacement(replacedBy), replacedBy.at]]
}

function nodeRecord(node: NodeState): CborValue {
  const { anchorKey, certifiedAt, cluster, generation, keys, lastRekey, orderedEpoch, path, terms, ...rest } = node
  rest satisfies Record<string, never>
  const epochKeys = keys === undefined ? null : [keys.epoch, keys.signingKey, keys.encryptionKey, keys.sealingKey, keys.delegationKey]
  const offer = terms === undefined ? null : encodeProxyTerms(terms)
  return [clusterBytes(cluster), path, generation, anchorKey, certifiedAt, epochKeys, lastRekey, orderedEpoch ?? null, offer]
}

function trustRecord(cluster: Uint8Array, trust: TrustState): CborValue {
  return [cluster, clusterBytes(trust.cluster), encodeTrustStatement(trust), trust.by, trust.at, trust.removedAt ?? null]
}
