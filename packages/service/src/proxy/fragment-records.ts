import { brandShape, bytesShape, bytesWithinShape, checkShape, refuse, toHex, type CborValue, type Result } from "@keygrove/base"
import { clusterBytes, decodeClusterBytes, decodeNodePath, decodeTimestamp, type NodeReference, type Timestamp } from "@keygrove/hierarchy"
import * as v from "valibot"
import type { CallOptions } from "../ports/call-options.ts"
import type { Storage, StorageRefusal } from "../ports/storage.ts"

/** A fragment as a proxy keeps it. */
export interface FragmentRecord {
  /** Sealed under the node's storage key. */
  readonly stored: Uint8Array
  /** SHA-256 of the fragment, 32 bytes. */
  readonly digest: Uint8Array
  readonly owner: NodeReference
  readonly expiresAt: Timestamp
  readonly storedAt: Timestamp
}

const shape = v.strictObject({
  stored: bytesWithinShape(1, 4_096),
  digest: bytesShape(32),
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  expiresAt: brandShape(decodeTimestamp),
  storedAt: brandShape(decodeTimestamp),
})

const PAGE = 1_000

/** The fragments of one proxy, durable. Counts them in memory, so that capacity is judged without reading all. */
export class FragmentRecords {
  readonly #storage: Storage
  readonly #policies: Set<string>

  private constructor(storage: Storage, policies: Set<string>) {
    this.#storage = storage
    this.#policies = policies
  }

  static async open(storage: Storage, options: CallOptions): Promise<Result<FragmentRecords, StorageRefusal>> {
    const policies = new Set<string>()
    for (let after: string | undefined; ;) {
      const page = await storage.list("fragment", { limit: PAGE, ...(after === undefined ? {} : { after }) }, options)
      if (!page.ok) return page
      for (const { key } of page.value) policies.add(key)
      after = page.value.at(-1)?.key
      if (page.value.length < PAGE) return { ok: true, value: new FragmentRecords(storage, policies) }
    }
  }

  get count(): number {
    return this.#policies.size
  }

  /** How many are kept of other policies than this one. */
  countBesides(policyId: Uint8Array): number {
    return this.count - (this.#policies.has(toHex(policyId)) ? 1 : 0)
  }

  /** Ids of the policies, as hex. */
  policies(): readonly string[] {
    return [...this.#policies]
  }

  async get(policyId: Uint8Array, options: CallOptions): Promise<Result<FragmentRecord | undefined, StorageRefusal>> {
    const found = await this.#storage.get("fragment", toHex(policyId), options)
    if (!found.ok || found.value === undefined) return found.ok ? { ok: true, value: undefined } : found
    return decodeRecord(found.value)
  }

  async put(policyId: Uint8Array, record: FragmentRecord, options: CallOptions): Promise<Result<true, StorageRefusal>> {
    const key = toHex(policyId)
    const { stored, digest, owner, expiresAt, storedAt } = record
    const value = { stored, digest, cluster: clusterBytes(owner.cluster), path: owner.path, expiresAt, storedAt }
    const written = await this.#storage.write([{ kind: "put", collection: "fragment", key, value }], options)
    if (written.ok) this.#policies.add(key)
    return written
  }

  async remove(policyId: string, options: CallOptions): Promise<Result<true, StorageRefusal>> {
    const written = await this.#storage.write([{ kind: "remove", collection: "fragment", key: policyId }], options)
    if (written.ok) this.#policies.delete(policyId)
    return written
  }
}

function decodeRecord(value: CborValue): Result<FragmentRecord, "STORAGE_CORRUPT"> {
  const checked = checkShape(value, { shape, code: "STORAGE_CORRUPT", noun: "fragment record" })
  if (!checked.ok) return refuse("STORAGE_CORRUPT", checked.message)
  const { cluster, path, ...rest } = checked.value
  return { ok: true, value: { ...rest, owner: { cluster, path } } }
}
