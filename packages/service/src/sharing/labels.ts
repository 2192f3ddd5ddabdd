import { equalBytes, ok, toHex, type Result } from "@keygrove/base"
import type { Label } from "@keygrove/reencryption"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { listGrantJobs } from "./grant-job.ts"
import { findLabel, isBehind, keysOf, listLabels, nameOfKey, saveLabel, type LabelEpoch, type LabelRecord } from "./label-records.ts"
import { grantsOfLabel, isForKey, standingGrants } from "./standing-grants.ts"
import { checkRootStands } from "./standing-root.ts"

/**
 * The label's public key to encrypt with; remembers the name on first use, so that policies can be listed by it. After a rekey of this node it is the key of the epoch
 * before until every grant of the label has a policy for the new one: whoever may read the label can read what is newly written, always. Below another root it is the new key at once.
 * Refuses `ROOT_REPLACED` below a root that stepped down.
 */
export async function useLabel(context: NodeContext, label: Label, options: CallOptions): Promise<Result<LabelRecord>> {
  const stands = checkRootStands(context)
  if (!stands.ok) return stands
  return await context.labelTurns.take(label, async () => {
    const known = await findLabel(context, label, options)
    if (!known.ok) return known
    const found = known.value === undefined ? await newRecord(context, label, options) : ok(known.value)
    if (!found.ok) return found
    const record = await advance(context, found.value, options)
    if (!record.ok || (record.value.used && record.value === known.value)) return record
    const given = { ...record.value, used: true }
    const saved = await saveLabel(context, given, options)
    return saved.ok ? ok(given) : saved
  })
}

/** Lets a label go on to its key of the current epoch, when every grant has a policy for that. Returns the record as it is then, or `undefined` of an unknown label. */
export async function moveLabel(context: NodeContext, label: string, options: CallOptions): Promise<Result<LabelRecord | undefined>> {
  return await context.labelTurns.take(label, async () => {
    const known = await findLabel(context, label, options)
    if (!known.ok || known.value === undefined) return known
    const record = await advance(context, known.value, options)
    if (!record.ok || record.value === known.value) return record
    const saved = await saveLabel(context, record.value, options)
    return saved.ok ? record : saved
  })
}

/** The label's key in the current epoch of this node. */
export async function currentLabelKey(context: NodeContext, label: string, options: CallOptions): Promise<Result<LabelEpoch>> {
  const { cluster, keys } = context.keystore.identity()
  const { epoch } = keys
  const labelKey = await context.keystore.labelPublicKey({ label, epoch }, options)
  return labelKey.ok ? ok({ cluster, epoch, labelKey: labelKey.value, used: false }) : labelKey
}

/** Names of this node's labels by the hex of their keys, those of earlier epochs too. */
export async function labelNames(context: NodeContext, options: CallOptions): Promise<Result<ReadonlyMap<string, string>>> {
  const labels = await listLabels(context, options)
  if (!labels.ok) return labels
  return ok(new Map(labels.value.flatMap((record) => keysOf(record).map(({ labelKey }) => [toHex(labelKey), record.label] as const))))
}

/** A label that is new to this home. Where the home was recovered, the node may have granted it before, in this epoch or earlier ones: those keys are its keys still. */
async function newRecord(context: NodeContext, label: string, options: CallOptions): Promise<Result<LabelRecord>> {
  const key = await currentLabelKey(context, label, options)
  if (!key.ok) return key
  const { cluster, path } = context.keystore.identity()
  const granted = [...standingGrants(context)].flat()
  const places = new Map(
    granted.map(({ grant, owner }) => [
      `${owner.cluster}/${grant.epoch}`,
      { cluster: owner.cluster, epoch: grant.epoch, at: owner.cluster === cluster ? 1 : 0 },
    ]),
  )
  const keys: LabelEpoch[] = []
  for (const place of [...places.values()].toSorted((a, b) => b.at - a.at || b.epoch - a.epoch)) {
    const labelKey = await context.keystore.labelPublicKey(nameOfKey(context, label, place), options)
    // An epoch may be too long ago for the keystore; files of it cannot be opened either.
    if (!labelKey.ok && labelKey.code === "KEYSTORE_REQUEST_INVALID") continue
    if (!labelKey.ok) return labelKey
    const { cluster: of, epoch } = place
    if (granted.some(({ grant }) => equalBytes(grant.labelKey, labelKey.value)))
      keys.push({ cluster: of, epoch, labelKey: labelKey.value, used: true })
  }
  const [inUse = key.value, ...earlier] = keys
  return ok({ label, ...inUse, owner: { cluster: inUse.cluster, path }, earlier })
}

/** The record with the current epoch's key in use, if that may be; else the same. To be called in the label's turn: no grant begins meanwhile. */
async function advance(context: NodeContext, record: LabelRecord, options: CallOptions): Promise<Result<LabelRecord>> {
  if (!isBehind(context, record)) return ok(record)
  const key = await currentLabelKey(context, record.label, options)
  if (!key.ok) return key
  const { cluster, epoch, labelKey, used } = record
  const moved: LabelRecord = {
    ...record,
    ...key.value,
    owner: { ...record.owner, cluster: key.value.cluster },
    earlier: [{ cluster, epoch, labelKey, used }, ...record.earlier],
  }
  // Somebody may know the words above the old key: nothing more is written under it, and readers have to wait.
  if (cluster !== key.value.cluster) return ok(moved)
  // A grant under way may stand at any moment, or stand already without this node knowing.
  const jobs = await listGrantJobs(context.storage, options)
  if (!jobs.ok) return jobs
  const earlier = keysOf(record)
  const isUnderWay = jobs.value.some(({ policy }) => earlier.some(({ labelKey }) => equalBytes(labelKey, policy.labelKey)))
  if (isUnderWay || !grantsOfLabel(context, record).every((grant) => isForKey(grant, key.value))) return ok(record)
  return ok(moved)
}
