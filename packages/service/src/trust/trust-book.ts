import { brandShape, checkShape, ok, refuse, type CborValue, type Result } from "@keygrove/base"
import { decodeClusterId, decodeTimestamp, type ClusterId, type Timestamp } from "@keygrove/hierarchy"
import * as v from "valibot"
import type { CallOptions } from "../ports/call-options.ts"
import type { Storage, StorageChange, StorageRefusal } from "../ports/storage.ts"

/** What this node alone remembers of another cluster: nothing of it is on a ledger, where others would read it. */
export interface TrustNote {
  readonly nickname?: string
  /** When a line to one of its nodes was last open. */
  readonly lastSeen?: Timestamp
}

/** Letters and digits of any script, single spaces, `.`, `_` and `-`; no `/`, which parts a name from a path, and nothing that is not seen. */
const NICKNAME = /^[\p{L}\p{N}](?:[\p{L}\p{N}\p{M} ._-]{0,30}[\p{L}\p{N}\p{M}])?$/u
const MAX_NICKNAME_CHARACTERS = 32
/** How much later than on the disk a cluster was seen before that is written again. */
const SEEN_STEP_MS = 60_000
const PAGE = 1_000

const shape = v.strictObject({
  nickname: v.exactOptional(v.pipe(v.string(), v.maxLength(2 * MAX_NICKNAME_CHARACTERS))),
  lastSeen: v.exactOptional(brandShape(decodeTimestamp)),
})

/** Checks a name that a person gives another's cluster; the result is in Unicode's composed form. */
export function decodeNickname(text: string): Result<string, "NICKNAME_INVALID"> {
  const name = text.length > 4 * MAX_NICKNAME_CHARACTERS ? "" : text.normalize("NFC").trim()
  // What looks like an id would shadow it, and `kg1…` is an identity.
  if (name.length <= MAX_NICKNAME_CHARACTERS && NICKNAME.test(name) && !/^(?:kg1|[0-9a-f]{8,64}$)/i.test(name)) return ok(name)
  return refuse(
    "NICKNAME_INVALID",
    `a nickname has 1 to ${MAX_NICKNAME_CHARACTERS} letters, digits, spaces, . _ and -, begins and ends with a letter or digit, and is no id`,
  )
}

/** Nicknames of other clusters, and when they were last seen; durable. */
export class TrustBook {
  readonly #storage: Storage
  readonly #notes: Map<ClusterId, TrustNote>
  readonly #written: Map<ClusterId, TrustNote>

  private constructor(storage: Storage, notes: Map<ClusterId, TrustNote>) {
    this.#storage = storage
    this.#notes = notes
    this.#written = new Map(notes)
  }

  static async open(storage: Storage, options: CallOptions): Promise<Result<TrustBook, StorageRefusal>> {
    const notes = new Map<ClusterId, TrustNote>()
    for (let after: string | undefined; ;) {
      const page = await storage.list("trusted", { limit: PAGE, ...(after === undefined ? {} : { after }) }, options)
      if (!page.ok) return page
      for (const { key, value } of page.value) {
        const cluster = decodeClusterId(key)
        const note = checkShape(value, { shape, code: "STORAGE_CORRUPT", noun: "note about a trusted cluster" })
        if (!note.ok) return note
        if (cluster.ok) notes.set(cluster.value, note.value)
      }
      after = page.value.at(-1)?.key
      if (page.value.length < PAGE) return ok(new TrustBook(storage, notes))
    }
  }

  note(cluster: ClusterId): TrustNote {
    return this.#notes.get(cluster) ?? {}
  }

  /** The cluster with this nickname; upper and lower case are the same. */
  named(nickname: string): ClusterId | undefined {
    const wanted = folded(nickname)
    return [...this.#notes].find(([, { nickname: name }]) => name !== undefined && folded(name) === wanted)?.[0]
  }

  /** Whether a cluster may get a nickname: one that no other has. */
  mayName(cluster: ClusterId, text: string): Result<string, "NICKNAME_INVALID" | "NICKNAME_TAKEN"> {
    const nickname = decodeNickname(text)
    if (!nickname.ok) return nickname
    const holder = this.named(nickname.value)
    if (holder === undefined || holder === cluster) return nickname
    return refuse(
      "NICKNAME_TAKEN",
      `cluster ${holder.slice(0, 16)} is called ${nickname.value} already; choose another name, or rename that one`,
    )
  }

  /** Gives a cluster a nickname that {@link TrustBook.mayName} allowed. */
  async name(cluster: ClusterId, nickname: string, options: CallOptions): Promise<Result<true, StorageRefusal>> {
    return await this.#write([[cluster, { ...this.note(cluster), nickname }]], options)
  }

  /** Gives the nickname of one cluster to another, as when its root changed. */
  async hand(from: ClusterId, to: ClusterId, options: CallOptions): Promise<Result<true, StorageRefusal>> {
    const { nickname } = this.note(from)
    if (nickname === undefined) return ok(true)
    const { nickname: _handed, ...left } = this.note(from)
    return await this.#write(
      [
        [from, left],
        [to, { ...this.note(to), nickname }],
      ],
      options,
    )
  }

  /** A line to one of the cluster's nodes is open now. Written at most once a minute. */
  async see(cluster: ClusterId, now: Timestamp, options: CallOptions): Promise<Result<true, StorageRefusal>> {
    const note = { ...this.note(cluster), lastSeen: now }
    this.#notes.set(cluster, note)
    const written = this.#written.get(cluster)?.lastSeen ?? 0
    return now - written < SEEN_STEP_MS ? ok(true) : await this.#write([[cluster, note]], options)
  }

  /** Forgets what was noted about a cluster. */
  async forget(cluster: ClusterId, options: CallOptions): Promise<Result<true, StorageRefusal>> {
    if (!this.#notes.has(cluster)) return ok(true)
    const written = await this.#storage.write([{ kind: "remove", collection: "trusted", key: cluster }], options)
    if (!written.ok) return written
    this.#notes.delete(cluster)
    this.#written.delete(cluster)
    return written
  }

  /** The clusters that something was noted about. */
  clusters(): readonly ClusterId[] {
    return [...this.#notes.keys()]
  }

  async #write(notes: readonly (readonly [ClusterId, TrustNote])[], options: CallOptions): Promise<Result<true, StorageRefusal>> {
    const written = await this.#storage.write(
      notes.map(([cluster, note]) => noteChange(cluster, note)),
      options,
    )
    if (!written.ok) return written
    for (const [cluster, note] of notes) {
      this.#notes.set(cluster, note)
      this.#written.set(cluster, note)
    }
    return written
  }
}

function noteChange(cluster: ClusterId, { lastSeen, nickname }: TrustNote): StorageChange {
  const value: CborValue = { ...(nickname === undefined ? {} : { nickname }), ...(lastSeen === undefined ? {} : { lastSeen }) }
  return { kind: "put", collection: "trusted", key: cluster, value }
}

function folded(name: string): string {
  return name.normalize("NFKC").toLowerCase()
}
