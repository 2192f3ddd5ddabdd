import {
  brandShape,
  bytesShape,
  bytesWithinShape,
  decodeShape,
  encodeCanonical,
  equalBytes,
  integerShape,
  refuse,
  type Refusal,
  type Result,
  type Shape,
} from "@keygrove/base"
import { clusterBytes, decodeClusterBytes, decodeEpoch, decodeGeneration, decodeNodePath, type NodePlace } from "@keygrove/hierarchy"
import * as v from "valibot"
import { MAX_PREDECESSORS, type MovedTrail, type NodeRecord } from "./node-record.ts"
import { MAX_EPOCHS_AT_HAND, type NodeState } from "./node-secrets.ts"
import { TOKEN_NAMESPACE_BYTES } from "./token-namespace.ts"

/** What the vault of a node needs besides its secrets; the same for as long as the node does not move. */
export interface VaultFacts {
  /** What the names of its objects in a token begin with, 8 bytes. */
  readonly tokenNamespace: Uint8Array
  /** Where the audit trail ended when the node moved last. */
  readonly trail?: MovedTrail
}

/** A predecessor, and of how many of its epochs secrets are kept. */
export interface HeldPredecessor extends NodePlace {
  readonly held: number
}

/** Public part of a run record: whose secrets it has, and so in which order. */
export interface RunRecord extends NodePlace, VaultFacts {
  readonly version: 1
  /** Ed25519, 32 bytes: it derives from s(node), which a run record does not have. */
  readonly anchorKey: Uint8Array
  /** Epochs before the current one of which secrets are kept. */
  readonly held: number
  /** Newest first. */
  readonly predecessors: readonly HeldPredecessor[]
  /** Encoded ledger entry of the statement of the next epoch, when one is prepared. */
  readonly entry?: Uint8Array
}

/** Longest public part, in bytes. */
const MAX_RUN_OPEN_BYTES = 65_536

const held = integerShape(0, MAX_EPOCHS_AT_HAND - 1)
const place = {
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  generation: brandShape(decodeGeneration),
  epoch: brandShape(decodeEpoch),
}
const shape: Shape<RunRecord> = v.strictObject({
  version: v.literal(1),
  ...place,
  anchorKey: bytesShape(32),
  held,
  predecessors: v.pipe(v.array(v.strictObject({ ...place, held })), v.maxLength(MAX_PREDECESSORS)),
  entry: v.exactOptional(bytesWithinShape(1, 2_048)),
  trail: v.exactOptional(v.strictObject({ length: integerShape(1, Number.MAX_SAFE_INTEGER), hash: bytesShape(32) })),
  tokenNamespace: bytesShape(TOKEN_NAMESPACE_BYTES),
})

/** The public part of the run record of a state, as it is stored. */
export function encodeRunRecord({ earlier, identity, next, predecessors }: NodeState, { tokenNamespace, trail }: VaultFacts): Uint8Array {
  const { anchorKey, cluster, generation, keys, path } = identity
  return encodeCanonical({
    version: 1,
    cluster: clusterBytes(cluster),
    path,
    generation,
    epoch: keys.epoch,
    anchorKey,
    held: earlier.length,
    predecessors: predecessors.map((each) => ({
      ...each.place,
      cluster: clusterBytes(each.place.cluster),
      held: each.epochs.length,
    })),
    tokenNamespace,
    ...(next === undefined ? {} : { entry: next.rekey.entry }),
    ...(trail === undefined ? {} : { trail: { ...trail } }),
  })
}

/** Strict inverse of {@link encodeRunRecord}. A claim, until secrets that are bound to it have been opened. */
export function decodeRunRecord(open: Uint8Array): Result<RunRecord, "KEYSTORE_RECORD_CORRUPT"> {
  const record = decodeShape(open, { shape, maxBytes: MAX_RUN_OPEN_BYTES, code: "KEYSTORE_RECORD_CORRUPT", noun: "run record" })
  if (!record.ok || isPossible(record.value)) return record
  return refuse("KEYSTORE_RECORD_CORRUPT", "run record: names epochs that its node never had")
}

/** As many epochs as a keystore keeps at hand, and none before the first. */
function isPossible({ epoch, held: own, predecessors }: RunRecord): boolean {
  const all = predecessors.reduce((sum, each) => sum + each.held, own)
  return all < MAX_EPOCHS_AT_HAND && own < epoch && predecessors.every((each) => each.held <= each.epoch)
}

/** Whether a run record is of the state in which the node's record says that the node is; a rekey of that may or may not have been finished. */
export function checkFresh(run: RunRecord, node: NodeRecord): Result<true, "RUN_RECORD_STALE"> {
  const isSame = run.cluster === node.cluster && run.path === node.path && run.generation === node.generation
  if (!isSame || run.predecessors.length !== (node.predecessors ?? 0)) return stale(run, node)
  const isFinished = run.entry === undefined && run.epoch === node.epoch
  const { entry } = run
  const isPending = entry !== undefined && node.entry !== undefined && run.epoch + 1 === node.epoch && equalBytes(entry, node.entry)
  return isFinished || isPending ? { ok: true, value: true } : stale(run, node)
}

function stale(run: RunRecord, node: NodeRecord): Refusal<"RUN_RECORD_STALE"> {
  const at = ({ epoch, generation, path }: NodePlace): string => `${path}, generation ${generation}, epoch ${epoch}`
  return refuse(
    "RUN_RECORD_STALE",
    `the run record is of ${at(run)}${run.entry === undefined ? "" : " with another prepared"}, and the node's record of ${at(node)}; start the node once with its passphrase or key file`,
  )
}
