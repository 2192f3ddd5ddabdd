import { concatBytes, refuse, toHex, type Result } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import { decodeCustodyState, encodeCustodyState, type CustodyState } from "@keygrove/pieces"
import { hasKeys, type ClusterState, type LedgerState } from "../state.ts"
import type { SectionRecords } from "./sections.ts"

/** Bytes of a cluster's custody that one record carries. */
export const CUSTODY_RECORD_BYTES = 49_152

/** The custody of a cluster in records; none before its first member. */
export function* custodyRecordsOf({
  custody,
  id,
}: ClusterState): Generator<{ readonly cluster: ClusterId; readonly part: number; readonly bytes: Uint8Array }, undefined> {
  if (custody === undefined) return
  const bytes = encodeCustodyState(custody)
  for (let from = 0; from < bytes.length; from += CUSTODY_RECORD_BYTES)
    yield { cluster: id, part: from / CUSTODY_RECORD_BYTES, bytes: bytes.subarray(from, from + CUSTODY_RECORD_BYTES) }
}

/** Whether a record follows those that came of its cluster's custody: all but the last are full. */
export function isNextPart(parts: readonly Uint8Array[], [, part]: SectionRecords["custody"]): boolean {
  return part === parts.length && (parts.at(-1)?.length ?? CUSTODY_RECORD_BYTES) === CUSTODY_RECORD_BYTES
}

/** What a cluster's records together say, when it fits the cluster: members are nodes that have named keys, with boot keys that are theirs, and nothing is behind the end of the log. */
export function custodyFrom(
  { bootKeys, head }: Pick<LedgerState, "bootKeys"> & { readonly head: { readonly length: number } },
  cluster: ClusterState,
  parts: readonly Uint8Array[],
): Result<CustodyState, "SNAPSHOT_INVALID"> {
  const decoded = decodeCustodyState(concatBytes(...parts))
  if (!decoded.ok) return refuse("SNAPSHOT_INVALID", decoded.message)
  const { generations, left, members } = decoded.value
  const holds = cluster.replacedBy === undefined && [...left.entries()].every(([path]) => cluster.nodes.has(path))
  const areNodes = [...members.values()].every(({ bootSigningKey, path, since }) => {
    const [node, holder] = [cluster.nodes.get(path), bootKeys.get(toHex(bootSigningKey))]
    const isNode = node !== undefined && hasKeys(node) && since > node.certifiedAt && since < head.length
    return isNode && holder?.cluster === cluster.id && holder.path === path
  })
  const isWithin = [...generations.values()].every(({ completedAt = 0, sharings, startedAt }) =>
    [completedAt, startedAt, ...[...sharings.values()].map(({ at }) => at)].every((at) => at < head.length),
  )
  return holds && areNodes && isWithin
    ? decoded
    : refuse("SNAPSHOT_INVALID", "custody is not of the nodes of its cluster, or names an entry behind its end")
}
