import { brandShape, checkShape, ok, toHex, type Result } from "@keygrove/base"
import { compressedPointShape, decodeEpoch, type Epoch, type NodeReference } from "@keygrove/hierarchy"
import type { Label } from "@keygrove/reencryption"
import * as v from "valibot"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"

/** A label of this node and its key. */
export interface LabelRecord {
  readonly label: string
  readonly epoch: Epoch
  /** 33 bytes. */
  readonly labelKey: Uint8Array
  readonly owner: NodeReference
}

const shape = v.strictObject({ epoch: brandShape(decodeEpoch), labelKey: compressedPointShape() })
const MAX_LABELS = 1_000

/** The label's public key; remembers the name on first use, so that policies can be listed by it. */
export async function useLabel(context: NodeContext, label: Label, options: CallOptions): Promise<Result<LabelRecord>> {
  const { keystore, storage } = context
  const { cluster, keys, path } = keystore.identity()
  const owner = { cluster, path }
  const known = await findLabel(context, label, options)
  if (!known.ok) return known
  if (known.value?.epoch === keys.epoch) return ok(known.value)
  const labelKey = await keystore.labelPublicKey({ label, epoch: keys.epoch }, options)
  if (!labelKey.ok) return labelKey
  const written = await storage.write(
    [{ kind: "put", collection: "label", key: label, value: { epoch: keys.epoch, labelKey: labelKey.value } }],
    options,
  )
  return written.ok ? ok({ label, epoch: keys.epoch, labelKey: labelKey.value, owner }) : written
}

/** A label that was used on this node before, or `undefined`. */
export async function findLabel(
  { keystore, storage }: NodeContext,
  label: string,
  options: CallOptions,
): Promise<Result<LabelRecord | undefined>> {
  const found = await storage.get("label", label, options)
  if (!found.ok || found.value === undefined) return found.ok ? ok(undefined) : found
  const checked = checkShape(found.value, { shape, code: "STORAGE_CORRUPT", noun: "label record" })
  const { cluster, path } = keystore.identity()
  return checked.ok ? ok({ label, ...checked.value, owner: { cluster, path } }) : checked
}

/** The labels used on this node, at most 1,000, in the order of their names. */
export async function listLabels({ keystore, storage }: NodeContext, options: CallOptions): Promise<Result<readonly LabelRecord[]>> {
  const page = await storage.list("label", { limit: MAX_LABELS }, options)
  if (!page.ok) return page
  const { cluster, path } = keystore.identity()
  const labels: LabelRecord[] = []
  for (const { key, value } of page.value) {
    const checked = checkShape(value, { shape, code: "STORAGE_CORRUPT", noun: "label record" })
    if (!checked.ok) return checked
    labels.push({ label: key, ...checked.value, owner: { cluster, path } })
  }
  return ok(labels)
}

/** Names of this node's labels by the hex of their keys. */
export async function labelNames(context: NodeContext, options: CallOptions): Promise<Result<ReadonlyMap<string, string>>> {
  const labels = await listLabels(context, options)
  return labels.ok ? ok(new Map(labels.value.map(({ label, labelKey }) => [toHex(labelKey), label]))) : labels
}
