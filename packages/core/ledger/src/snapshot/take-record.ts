import { equalBytes, OrderedMap, toHex, type Result } from "@keygrove/base"
import { decodeRootReplacement, decodeTrustStatement, type ClusterId, type EpochKeys } from "@keygrove/hierarchy"
import { decodePolicyGrant, decodeProxyTerms } from "@keygrove/reencryption"
import { decodeLedgerIndex, type LedgerIndex } from "../head.ts"
import type { ClusterState } from "../state.ts"
import { isNextPart } from "./custody-records.ts"
import type { Draft } from "./rebuild.ts"
import { KEY_CHAIN_RECORD_ENTRIES, type SectionName, type SectionRecords } from "./sections.ts"

/** What the records of a section are sorted by, each more than the one before. */
export const orderOf: { readonly [Name in SectionName]: (record: SectionRecords[Name]) => string } = {
  clusters: ([cluster]) => cluster,
  nodes: ([cluster, path]) => cluster + path,
  removed: ([cluster, path]) => cluster + path,
  trusted: ([cluster, other]) => cluster + other,
  policies: ([id]) => toHex(id),
  signingKeys: ([key]) => toHex(key),
  anchorKeys: ([key]) => toHex(key),
  bootKeys: ([key]) => toHex(key),
  custody: ([cluster, part]) => cluster + String(part).padStart(10, "0"),
  keyChains: ([cluster, part]) => cluster + String(part).padStart(10, "0"),
}

type Taker<Name extends SectionName> = (draft: Draft, record: SectionRecords[Name]) => string | undefined

/** Puts a checked record in its place in the draft; says what is wrong with it. */
export const takers: { readonly [Name in SectionName]: Taker<Name> } = {
  clusters: takeCluster,
  nodes: takeNode,
  removed(draft, [id, path, generation, reason, at]) {
    const gone = { cluster: id, path, generation, reason, at }
    return changeCluster(draft, id, [at], ({ removed }) => ({ removed: removed.set(path, gone) }))
  },
  trusted: takeTrusted,
  policies: takePolicy,
  signingKeys(draft, [key, cluster, path, epoch, since, anchorKey]) {
    draft.signingKeys = draft.signingKeys.set(toHex(key), { cluster, path, epoch, since, anchorKey })
    return placeProblem(draft, cluster, [since])
  },
  anchorKeys(draft, [key, cluster, path, lastKey]) {
    draft.anchorKeys = draft.anchorKeys.set(toHex(key), { cluster, path, ...(lastKey === null ? {} : { lastKey }) })
    return placeProblem(draft, cluster, [])
  },
  bootKeys(draft, [key, cluster, path]) {
    draft.bootKeys = draft.bootKeys.set(toHex(key), { cluster, path })
    return placeProblem(draft, cluster, [])
  },
  custody(draft, record) {
    const [cluster, , bytes] = record
    const parts = draft.custody.get(cluster) ?? []
    if (!isNextPart(parts, record)) return "the custody of a cluster is not whole"
    draft.custody.set(cluster, [...parts, bytes])
    return placeProblem(draft, cluster, [])
  },
  keyChains: takeKeyChain,
}

const STATEMENT_PROBLEM = "a statement in it is malformed"

function takeCluster(draft: Draft, [id, announcedAt, stepped]: SectionRecords["clusters"]): string | undefined {
  const empty = {
    nodes: OrderedMap.empty<string, never>(),
    removed: OrderedMap.empty<string, never>(),
    trusted: OrderedMap.empty<string, never>(),
  }
  const cluster: ClusterState = { id, announcedAt, ...empty, livePolicies: OrderedMap.empty(), trustCount: 0 }
  if (stepped === null) {
    draft.clusters.set(id, cluster)
    return placeProblem(draft, id, [announcedAt])
  }
  const [statement, at] = stepped
  const replacement = decodeRootReplacement(statement)
  if (!replacement.ok) return STATEMENT_PROBLEM
  draft.clusters.set(id, { ...cluster, replacedBy: { ...replacement.value, at } })
  return placeProblem(draft, id, [announcedAt, at])
}

function takeNode(draft: Draft, record: SectionRecords["nodes"]): string | undefined {
  const [cluster, path, generation, anchorKey, certifiedAt, keys, lastRekey, orderedEpoch, offer] = record
  const terms = offer === null ? undefined : decodeProxyTerms(offer)
  if (terms?.ok === false) return STATEMENT_PROBLEM
  const certified = { cluster, path, generation, anchorKey, certifiedAt, lastRekey }
  const node = {
    ...certified,
    ...(keys === null ? {} : { keys: epochKeysOf(keys) }),
    ...(orderedEpoch === null ? {} : { orderedEpoch }),
    ...(terms === undefined ? {} : { terms: terms.value }),
  }
  return changeCluster(draft, cluster, [certifiedAt], ({ nodes }) => ({ nodes: nodes.set(path, node) }))
}

function epochKeysOf([epoch, signingKey, encryptionKey, sealingKey, delegationKey]: NonNullable<SectionRecords["nodes"][5]>): EpochKeys {
  return { epoch, signingKey, encryptionKey, sealingKey, delegationKey }
}

function takeTrusted(draft: Draft, [id, other, statement, by, at, removedAt]: SectionRecords["trusted"]): string | undefined {
  const trust = decodeTrustStatement(statement)
  if (!trust.ok || trust.value.cluster !== other) return STATEMENT_PROBLEM
  const stated = { ...trust.value, by, at, ...(removedAt === null ? {} : { removedAt }) }
  const places = removedAt === null ? [at] : [at, removedAt]
  return changeCluster(draft, id, places, ({ trustCount, trusted }) => {
    return { trusted: trusted.set(other, stated), trustCount: trustCount + (removedAt === null ? 1 : 0) }
  })
}

function takePolicy(draft: Draft, record: SectionRecords["policies"]): string | undefined {
  const [id, statement, cluster, path, ownerSigningKey, grantedAt, revokedAt] = record
  const grant = decodePolicyGrant(statement)
  if (!grant.ok || !equalBytes(grant.value.policyId, id)) return STATEMENT_PROBLEM
  const policy = { grant: grant.value, owner: { cluster, path }, ownerSigningKey, grantedAt }
  draft.policies = draft.policies.set(toHex(id), revokedAt === null ? policy : { ...policy, revokedAt })
  return placeProblem(draft, cluster, revokedAt === null ? [grantedAt] : [grantedAt, revokedAt])
}

function takeKeyChain(draft: Draft, [cluster, part, hash, steps]: SectionRecords["keyChains"]): string | undefined {
  const chain = draft.keyChains.get(cluster) ?? { hash, indexes: [] }
  if (chain.indexes.length !== part * KEY_CHAIN_RECORD_ENTRIES || !equalBytes(chain.hash, hash)) return "a key chain is not whole"
  let last: number = chain.indexes.at(-1) ?? -1
  for (const step of steps) {
    const place: Result<LedgerIndex> = decodeLedgerIndex(Math.max(0, last) + step)
    if (!place.ok || place.value <= last || place.value >= draft.head.length) return "the entries of a key chain are not in order"
    chain.indexes.push(place.value)
    last = place.value
  }
  draft.keyChains.set(cluster, chain)
  return placeProblem(draft, cluster, [])
}

function changeCluster(
  draft: Draft,
  id: ClusterId,
  places: readonly LedgerIndex[],
  change: (cluster: ClusterState) => Partial<ClusterState>,
): string | undefined {
  const cluster = draft.clusters.get(id)
  if (cluster !== undefined) draft.clusters.set(id, { ...cluster, ...change(cluster) })
  return placeProblem(draft, id, places)
}

/** What is said of a cluster that there is not, or of a position that the log has not. */
function placeProblem(draft: Draft, cluster: ClusterId, places: readonly LedgerIndex[]): string | undefined {
  if (!draft.clusters.has(cluster)) return "there is a record of a cluster that was not announced"
  return places.every((place) => place < draft.head.length) ? undefined : "it names an entry behind its end"
}
