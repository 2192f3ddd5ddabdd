import { brandShape, bytesShape, bytesWithinShape, checkShape, integerShape, ok, toHex, type CborValue, type Result } from "@keygrove/base"
import { clusterBytes, compressedPointShape, decodeClusterBytes, decodeEpoch, decodeNodePath, decodeTimestamp } from "@keygrove/hierarchy"
import { MAX_SHARES, type PolicyGrant } from "@keygrove/reencryption"
import * as v from "valibot"
import type { CallOptions } from "../ports/call-options.ts"
import type { ProxyCandidate } from "../ports/placement.ts"
import type { Storage } from "../ports/storage.ts"

/** A fragment on its way to one candidate. */
export interface GrantRecipient extends ProxyCandidate {
  readonly sealed: Uint8Array
  /** SHA-256 of the fragment, 32 bytes. */
  readonly digest: Uint8Array
}

/** A grant under way: the policy without its proxies, and whom fragments were made for. More recipients than shares: the rest are spares. */
export interface GrantJob {
  readonly policy: Omit<PolicyGrant, "proxies" | "sealedLabel">
  readonly shares: number
  readonly recipients: readonly GrantRecipient[]
  /** Whether nobody works on it any more, though it is not known whether the policy stands: the ledger was out of reach, or the caller left. */
  readonly unsettled: boolean
}

const recipientShape = v.strictObject({
  signingKey: bytesShape(32),
  sealingKey: bytesShape(32),
  addresses: v.array(v.string()),
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  sealed: bytesWithinShape(1, 8_192),
  digest: bytesShape(32),
})
const shape = v.strictObject({
  policyId: bytesShape(32),
  continues: v.exactOptional(bytesShape(32)),
  scheme: v.literal("umbral"),
  epoch: brandShape(decodeEpoch),
  labelKey: compressedPointShape(),
  delegationKey: compressedPointShape(),
  reader: v.strictObject({ encryptionKey: compressedPointShape(), signingKey: bytesShape(32) }),
  threshold: integerShape(1, MAX_SHARES),
  expiresAt: brandShape(decodeTimestamp),
  shares: integerShape(1, MAX_SHARES),
  recipients: v.array(recipientShape),
  unsettled: v.boolean(),
})
const MAX_JOBS = 1_000

/** Makes the job durable. */
export async function saveGrantJob(storage: Storage, job: GrantJob, options: CallOptions): Promise<Result<true>> {
  return await storage.write([{ kind: "put", collection: "grant-job", key: toHex(job.policy.policyId), value: jobValue(job) }], options)
}

/** Ends the job durably. */
export async function removeGrantJob(storage: Storage, policyId: Uint8Array, options: CallOptions): Promise<Result<true>> {
  return await storage.write([{ kind: "remove", collection: "grant-job", key: toHex(policyId) }], options)
}

/** Jobs that are not at their end. */
export async function listGrantJobs(storage: Storage, options: CallOptions): Promise<Result<readonly GrantJob[]>> {
  const page = await storage.list("grant-job", { limit: MAX_JOBS }, options)
  if (!page.ok) return page
  const jobs: GrantJob[] = []
  for (const { value } of page.value) {
    const checked = checkShape(value, { shape, code: "STORAGE_CORRUPT", noun: "grant job" })
    if (!checked.ok) return checked
    const { recipients, shares, unsettled, ...policy } = checked.value
    jobs.push({ policy, shares, recipients, unsettled })
  }
  return ok(jobs)
}

function jobValue({ policy, recipients, shares, unsettled }: GrantJob): CborValue {
  const { reader, ...rest } = policy
  return {
    ...rest,
    reader: { encryptionKey: reader.encryptionKey, signingKey: reader.signingKey },
    shares,
    unsettled,
    recipients: recipients.map(({ cluster, ...recipient }) => ({
      ...recipient,
      addresses: [...recipient.addresses],
      cluster: clusterBytes(cluster),
    })),
  }
}
