import {
  brandShape,
  bytesShape,
  bytesWithinShape,
  checkShape,
  integerShape,
  ok,
  toHex,
  utf8,
  type CborValue,
  type Result,
} from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { clusterBytes, compressedPointShape, decodeClusterBytes, decodeNodePath, type ClusterId, type NodePath } from "@keygrove/hierarchy"
import { decodeKeyGeneration, decodePieceIndex, type KeyGeneration, type PieceIndex } from "@keygrove/pieces"
import * as v from "valibot"
import type { CallOptions } from "../ports/call-options.ts"
import type { Storage, StorageRefusal } from "../ports/storage.ts"

/** A piece of another member's storage key, as this node keeps it. */
export interface PieceRecord {
  readonly cluster: ClusterId
  readonly owner: NodePath
  readonly generation: KeyGeneration
  /** `sharingIdOf`, 32 bytes. */
  readonly sharing: Uint8Array
  readonly commitments: readonly Uint8Array[]
  readonly index: PieceIndex
  /** Which redistribution brought it; 0 when the owner did. */
  readonly attempt: number
  /** Sealed by the keystore. */
  readonly stored: Uint8Array
}

type PieceName = Pick<PieceRecord, "cluster" | "owner" | "generation">

const shape = v.strictObject({
  cluster: brandShape(decodeClusterBytes),
  owner: brandShape(decodeNodePath),
  generation: brandShape(decodeKeyGeneration),
  sharing: bytesShape(32),
  commitments: v.array(compressedPointShape()),
  index: brandShape(decodePieceIndex),
  attempt: integerShape(0, 0xffff_ffff),
  stored: bytesWithinShape(1, 4_096),
})
const PAGE = 256

/** The pieces that this node keeps: one of an owner and generation. Durable, and in memory at whole: at most 254 owners have pieces here in the few generations that are open, of 5 KiB each. */
export class PieceRecords {
  readonly #storage: Storage
  readonly #primitives: Pick<Primitives, "sha256">
  readonly #records: Map<string, PieceRecord>

  private constructor(storage: Storage, primitives: Pick<Primitives, "sha256">, records: Map<string, PieceRecord>) {
    this.#storage = storage
    this.#primitives = primitives
    this.#records = records
  }

  static async open(storage: Storage, primitives: Pick<Primitives, "sha256">, options: CallOptions): Promise<Result<PieceRecords>> {
    const records = new Map<string, PieceRecord>()
    for (let after: string | undefined; ;) {
      const page = await storage.list("piece", { limit: PAGE, ...(after === undefined ? {} : { after }) }, options)
      if (!page.ok) return page
      for (const { key, value } of page.value) {
        const record = checkShape(value, { shape, code: "STORAGE_CORRUPT", noun: "key piece record" })
        if (!record.ok) return record
        records.set(key, record.value)
      }
      after = page.value.at(-1)?.key
      if (page.value.length < PAGE) return ok(new PieceRecords(storage, primitives, records))
    }
  }

  all(): readonly PieceRecord[] {
    return [...this.#records.values()]
  }

  get(name: PieceName): PieceRecord | undefined {
    return this.#records.get(this.#key(name))
  }

  async put(record: PieceRecord, options: CallOptions): Promise<Result<true, StorageRefusal>> {
    const key = this.#key(record)
    const written = await this.#storage.write([{ kind: "put", collection: "piece", key, value: valueOf(record) }], options)
    if (written.ok) this.#records.set(key, record)
    return written
  }

  async remove(name: PieceName, options: CallOptions): Promise<Result<true, StorageRefusal>> {
    const key = this.#key(name)
    const written = await this.#storage.write([{ kind: "remove", collection: "piece", key }], options)
    if (written.ok) this.#records.delete(key)
    return written
  }

  /** Within the length of a storage's key, which the longest path alone has not. */
  #key({ cluster, generation, owner }: PieceName): string {
    return `${cluster.slice(0, 16)}/${generation.toString(16).padStart(8, "0")}/${toHex(this.#primitives.sha256(utf8(owner)))}`
  }
}

function valueOf({ cluster, commitments, ...record }: PieceRecord): CborValue {
  return { ...record, cluster: clusterBytes(cluster), commitments }
}
