import { brandShape, checkShape, ok, type CborValue, type Result } from "@keygrove/base"
import {
  clusterBytes,
  compressedPointShape,
  decodeClusterBytes,
  decodeEpoch,
  type ClusterId,
  type Epoch,
  type NodeReference,
} from "@keygrove/hierarchy"
import * as v from "valibot"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { LabelKeyName } from "../ports/keystore.ts"

/** A label's key in one epoch of its owner. */
export interface LabelEpoch {
  /** The owner's cluster then: another one where its root was replaced since. */
  readonly cluster: ClusterId
  readonly epoch: Epoch
  /** 33 bytes. */
  readonly labelKey: Uint8Array
  /** Whether it was ever given out to encrypt with: there may be files under it. */
  readonly used: boolean
}

/** A label of this node, the key that new files are encrypted under, and those before it. */
export interface LabelRecord extends LabelEpoch {
  readonly label: string
  readonly owner: NodeReference
  /** Newest first. */
  readonly earlier: readonly LabelEpoch[]
}

/** Earlier keys that are remembered: older ones no keystore opens any more. */
const MAX_EARLIER = 1_023
const PAGE = 1_000
/** Labels of one node that are looked at. */
const MAX_LABELS = 100_000

// A record of before the first rekey has neither: its key may have been used. One without a cluster is of the one that the node was made in.
const used = v.exactOptional(v.boolean(), true)
const epochFields = {
  cluster: v.exactOptional(brandShape(decodeClusterBytes)),
  epoch: brandShape(decodeEpoch),
  labelKey: compressedPointShape(),
  used,
}
const shape = v.strictObject({
  ...epochFields,
  earlier: v.exactOptional(v.pipe(v.array(v.strictObject(epochFields)), v.maxLength(MAX_EARLIER)), []),
})

type RecordContext = Pick<NodeContext, "keystore" | "storage">

/** A label that was used on this node before, or `undefined`. */
export async function findLabel(context: RecordContext, label: string, options: CallOptions): Promise<Result<LabelRecord | undefined>> {
  const found = await context.storage.get("label", label, options)
  if (!found.ok || found.value === undefined) return found.ok ? ok(undefined) : found
  return decodeRecord(context, label, found.value)
}

/** Makes the record durable. */
export async function saveLabel({ storage }: RecordContext, record: LabelRecord, options: CallOptions): Promise<Result<true>> {
  const value = {
    ...valueOf(record),
    ...(record.earlier.length === 0 ? {} : { earlier: record.earlier.slice(0, MAX_EARLIER).map(valueOf) }),
  }
  return await storage.write([{ kind: "put", collection: "label", key: record.label, value }], options)
}

/** The labels used on this node, in the order of their names. */
export async function listLabels(context: RecordContext, options: CallOptions): Promise<Result<readonly LabelRecord[]>> {
  const labels: LabelRecord[] = []
  for (let after: string | undefined; labels.length < MAX_LABELS; after = labels.at(-1)?.label) {
    const page = await context.storage.list("label", { limit: PAGE, ...(after === undefined ? {} : { after }) }, options)
    if (!page.ok) return page
    for (const { key, value } of page.value) {
      const record = decodeRecord(context, key, value)
      if (!record.ok) return record
      labels.push(record.value)
    }
    if (page.value.length < PAGE) break
  }
  return ok(labels)
}

/** How the keystore knows a label's key. */
export function nameOfKey(
  { keystore }: Pick<NodeContext, "keystore">,
  label: string,
  { cluster, epoch }: Pick<LabelEpoch, "cluster" | "epoch">,
): LabelKeyName {
  return cluster === keystore.identity().cluster ? { label, epoch } : { cluster, label, epoch }
}

/** Whether a key is not that of the current epoch below the root that stands. */
export function isBehind({ keystore }: Pick<NodeContext, "keystore">, { cluster, epoch }: Pick<LabelEpoch, "cluster" | "epoch">): boolean {
  const own = keystore.identity()
  return cluster !== own.cluster || epoch < own.keys.epoch
}

/** Every key that the label ever had, the one in use first. */
export function keysOf(record: LabelRecord): readonly LabelEpoch[] {
  return [record, ...record.earlier]
}

function decodeRecord({ keystore }: RecordContext, label: string, value: CborValue): Result<LabelRecord> {
  const checked = checkShape(value, { shape, code: "STORAGE_CORRUPT", noun: "label record" })
  if (!checked.ok) return checked
  const { cluster: own, path, predecessors } = keystore.identity()
  const madeIn = predecessors.at(-1)?.cluster ?? own
  const { earlier, ...inUse } = checked.value
  const { cluster = madeIn, ...key } = inUse
  return ok({ label, cluster, ...key, owner: { cluster, path }, earlier: earlier.map((each) => ({ cluster: madeIn, ...each })) })
}

function valueOf({ cluster, epoch, labelKey, used: wasUsed }: LabelEpoch): {
  readonly cluster: Uint8Array
  readonly epoch: Epoch
  readonly labelKey: Uint8Array
  readonly used: boolean
} {
  return { cluster: clusterBytes(cluster), epoch, labelKey, used: wasUsed }
}
