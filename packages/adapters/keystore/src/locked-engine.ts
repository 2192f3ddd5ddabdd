import { setImmediate } from "node:timers/promises"
import type { DatabaseSync } from "node:sqlite"
import { equalBytes, ok, refuse, Secret, unwrap, type Refusal, type Result } from "@keygrove/base"
import type { ClusterId, NodePath } from "@keygrove/hierarchy"
import { combinePieces, decodeCommitments, decodePieceIndex, type Commitments, type Piece, type PieceIndex } from "@keygrove/pieces"
import { MAX_SHARES } from "@keygrove/reencryption"
import {
  openMessage,
  type BootKeys,
  type CallOptions,
  type DelegatedStart,
  type DelegatedUnlocking,
  type Keystore,
  type KeystoreRefusal,
  type LockedKeystore,
  type PieceKeys,
  type PieceRefusal,
  type PieceUnlocking,
  type ReturnedPiece,
  type StorageSlot,
} from "@keygrove/service"
import { deriveBootKeys, type BootKeyPair, type BootSecretSource } from "./boot-key.ts"
import { openAsReader, startOf } from "./delegated-key.ts"
import type { KeystoreTools } from "./engine.ts"
import { claimedRecord } from "./node-record.ts"
import { returnContext } from "./piece-contexts.ts"
import { RunKeeper } from "./run-keeper.ts"
import { checkFresh, type RunRecord } from "./run-record.ts"
import { RunStore, type StoredRun } from "./run-store.ts"
import { mayBootSign } from "./signing-domains.ts"
import { unlockedKeystore, type UnlockedKeystore } from "./unlock.ts"

/** Pieces of one attempt: one of every member, and a few that were sent twice. */
export const MAX_UNLOCKING_PIECES = 512
const REQUEST_BYTES = 32

/** What pieces opened, which belongs to the caller, and whose were wrong. */
export interface PieceOpening {
  readonly unlocked: UnlockedKeystore
  readonly liars: readonly PieceIndex[]
}

/** A keystore before anything of it is open: it has the boot keys and a fresh one, which it owns, and waits for pieces. */
export class LockedEngine implements LockedKeystore {
  readonly node: { readonly cluster: ClusterId; readonly path: NodePath }
  readonly delegatedStart?: DelegatedStart
  readonly #tools: KeystoreTools
  readonly #database: DatabaseSync
  readonly #boot: BootSecretSource
  readonly #pair: BootKeyPair
  readonly #fresh: FreshKey
  readonly #store: RunStore

  private constructor(tools: KeystoreTools, { boot, database, fresh, pair, start, store }: LockedParts, { cluster, path }: RunRecord) {
    this.#tools = tools
    this.#database = database
    this.#boot = boot
    this.#pair = pair
    this.#fresh = fresh
    this.#store = store
    this.node = { cluster, path }
    if (start !== undefined) this.delegatedStart = start
  }

  /** Reads the boot key and what lies in the open. Refuses `RUN_RECORD_ABSENT` when no pieces open the store, and `RUN_RECORD_STALE` when what they open is of another state than the node's record. */
  static async open(
    database: DatabaseSync,
    tools: KeystoreTools,
    boot: BootSecretSource,
    options: CallOptions,
  ): Promise<Result<LockedEngine>> {
    const secret = await boot.open({ make: false, ...options })
    if (!secret.ok) return secret
    using bootSecret = secret.value
    const store = new RunStore(database, tools)
    const record = freshRecord(database, store)
    if (!record.ok) return record
    const hasPieces = store.slots().length > 0
    const start = startOf(store.delegation())
    // What is said of a label does not stand in the way of pieces.
    if (!start.ok && !hasPieces) return start
    const delegated = start.ok ? start.value : undefined
    if (!hasPieces && delegated === undefined) return absent()
    const keys = { pair: deriveBootKeys(tools.primitives, bootSecret), fresh: freshKey(tools) }
    return ok(new LockedEngine(tools, { database, boot, store, start: delegated, ...keys }, record.value.record))
  }

  get bootKeys(): BootKeys {
    return this.#pair.keys
  }

  get freshSealingKey(): Uint8Array {
    return this.#fresh.publicKey
  }

  get slots(): readonly StorageSlot[] {
    return this.#store.slots()
  }

  async sign(purpose: "handshake" | "message", message: Uint8Array, { signal }: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>> {
    signal.throwIfAborted()
    if (!this.#pair.signing.live) return over()
    if (!mayBootSign(purpose, message)) return invalid(`${message.length} bytes are not a ${purpose} that a boot key signs`)
    return await Promise.resolve(ok(this.#tools.primitives.ed25519.sign(this.#pair.signing, message)))
  }

  async unlock(
    order: PieceUnlocking,
    options: CallOptions,
  ): Promise<Result<{ readonly keystore: Keystore & PieceKeys; readonly liars: readonly PieceIndex[] }, PieceRefusal>> {
    const opened = await this.open(order, options)
    if (!opened.ok) return opened
    const { liars, unlocked } = opened.value
    return ok({ keystore: unlocked.keystore, liars })
  }

  /** As {@link LockedEngine.unlock}, with what a program needs besides. The boot keys are wiped then. */
  async open(order: PieceUnlocking, { signal }: CallOptions): Promise<Result<PieceOpening, PieceRefusal>> {
    signal.throwIfAborted()
    if (!this.#pair.signing.live) return over()
    const commitments = this.#check(order)
    if (!commitments.ok) return commitments
    const slot = this.slots.find(({ publicKey }) => equalBytes(publicKey, order.sharing.commitments[0] ?? new Uint8Array(0)))
    if (slot === undefined)
      return refuse(
        "SLOT_UNKNOWN",
        "the keystore has no slot of this storage key; take pieces of a sharing whose first commitment is the key of a slot",
      )
    const combined = await this.#combine(order, commitments.value, signal)
    if (!combined.ok) return combined
    using storageKey = combined.value.secret
    const unlocked = this.#openWith(this.#store.keyBySlot({ ...slot, storageKey }))
    return unlocked.ok ? ok({ unlocked: unlocked.value, liars: combined.value.liars }) : unlocked
  }

  async unlockDelegated(order: DelegatedUnlocking, options: CallOptions): Promise<Result<Keystore & PieceKeys, PieceRefusal>> {
    const opened = await this.openDelegated(order, options)
    return opened.ok ? ok(opened.value.keystore) : opened
  }

  /** As {@link LockedEngine.unlockDelegated}, with what a program needs besides. The keys that it had are wiped then. */
  async openDelegated(order: DelegatedUnlocking, { signal }: CallOptions): Promise<Result<UnlockedKeystore, PieceRefusal>> {
    signal.throwIfAborted()
    if (!this.#pair.signing.live) return over()
    if (order.capsuleFragments.length > MAX_SHARES)
      return invalid(`${order.capsuleFragments.length} capsule fragments; a policy has at most ${MAX_SHARES}`)
    const stored = this.#store.delegation()
    if (stored === undefined) return delegationAbsent()
    const { encryption: receivingKey } = this.#pair
    const opened = openAsReader(this.#tools, { receivingKey, storeId: this.#store.storeId }, stored, order)
    if (!opened.ok) return opened
    using storageKey = opened.value.storageKey
    return await Promise.resolve(this.#openWith(this.#store.keyByDelegation({ publicKey: opened.value.publicKey, storageKey })))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wipeKeys()
    await Promise.resolve()
  }

  #wipeKeys(): void {
    this.#pair[Symbol.dispose]()
    this.#fresh.secret[Symbol.dispose]()
  }

  #check({ pieces, request, sharing }: PieceUnlocking): Result<Commitments, "KEYSTORE_REQUEST_INVALID" | "SHARING_INVALID"> {
    if (request.length !== REQUEST_BYTES) return invalid(`request has ${request.length} bytes; expected ${REQUEST_BYTES}`)
    if (pieces.length > MAX_UNLOCKING_PIECES) return invalid(`${pieces.length} pieces; at most ${MAX_UNLOCKING_PIECES} are tried at once`)
    return decodeCommitments(this.#tools.primitives.curve, sharing.commitments)
  }

  /** The storage key, which belongs to the caller, and who sent what is none of its pieces. */
  async #combine(
    order: PieceUnlocking,
    commitments: Commitments,
    signal: AbortSignal,
  ): Promise<Result<{ readonly secret: Secret; readonly liars: readonly PieceIndex[] }, PieceRefusal>> {
    using opened = new DisposableStack()
    const pieces: Piece[] = []
    const strangers: PieceIndex[] = []
    for (const piece of order.pieces) {
      // Handshakes of other holders are signed meanwhile.
      await setImmediate()
      signal.throwIfAborted()
      const value = await this.#openPiece(order, piece)
      if (value === undefined) strangers.push(piece.index)
      else pieces.push({ index: piece.index, value: opened.use(value) })
    }
    const { primitives, random } = this.#tools
    const combined = combinePieces({ curve: primitives.curve, random }, commitments, pieces)
    if (combined.ok) return ok({ secret: combined.value.secret, liars: named([...strangers, ...combined.value.liars]) })
    const { good = 0, liars = "", threshold = 0 } = combined.data ?? {}
    const all = named([...strangers, ...listOf(String(liars))]).join(",")
    const wrong = all === "" ? "" : `; wrong are those of ${all}`
    return refuse(
      "PIECES_INSUFFICIENT",
      `${good} of ${order.pieces.length} pieces are right and ${threshold} are needed${wrong}; ask more holders`,
      {
        good,
        threshold,
        liars: all,
      },
    )
  }

  async #openPiece({ request, sharing }: PieceUnlocking, { holderSigningKey, index, sealed }: ReturnedPiece): Promise<Secret | undefined> {
    const { primitives, sealing } = this.#tools
    const context = returnContext(primitives, { sharing, index }, request)
    const ways = [
      { recipient: this.#pair.keys.sealingKey, secretKey: this.#pair.sealing },
      { recipient: this.#fresh.publicKey, secretKey: this.#fresh.secret },
    ]
    for (const { recipient, secretKey } of ways) {
      const parties = { context, sender: holderSigningKey, recipient }
      const opened = await openMessage({ sealing, ed25519: primitives.ed25519, secretKey }, parties, sealed)
      if (opened.ok) return opened.value
    }
    return undefined
  }

  /** Takes the run key over, and wipes the boot keys when it opened what it should. */
  #openWith(key: Result<Secret, "SLOT_UNKNOWN">): Result<UnlockedKeystore, PieceRefusal> {
    if (!key.ok) return key
    using runKey = key.value
    const found = freshRecord(this.#database, this.#store)
    if (!found.ok) return found
    const opened = this.#store.open(runKey, found.value)
    if (!opened.ok) return opened
    const { tokenNamespace, trail } = found.value.record
    const facts = { tokenNamespace, ...(trail === undefined ? {} : { trail }) }
    const runs = new RunKeeper(this.#store, { secrets: opened.value.vaultSecrets, facts })
    this.#wipeKeys()
    return ok(unlockedKeystore(this.#tools, opened.value, facts, { runs, boot: this.#boot }))
  }
}

interface LockedParts {
  readonly database: DatabaseSync
  readonly boot: BootSecretSource
  readonly pair: BootKeyPair
  readonly fresh: FreshKey
  readonly store: RunStore
  readonly start: DelegatedStart | undefined
}

/** An X25519 key of this process alone. */
interface FreshKey {
  readonly secret: Secret
  readonly publicKey: Uint8Array
}

function freshKey({ primitives, random }: KeystoreTools): FreshKey {
  const secret = Secret.take(random(32))
  return { secret, publicKey: primitives.x25519.publicKey(secret) }
}

type RecordRefusal = "RUN_RECORD_ABSENT" | "RUN_RECORD_STALE" | "KEYSTORE_EMPTY" | "KEYSTORE_RECORD_CORRUPT"

/** What the run record claims, when that is what the node's record claims. */
function freshRecord(database: DatabaseSync, store: RunStore): Result<StoredRun, RecordRefusal> {
  const node = claimedRecord(database)
  if (!node.ok) return node
  const found = store.find()
  if (!found.ok) return found
  if (found.value === undefined) return absent()
  const fresh = checkFresh(found.value.record, node.value)
  return fresh.ok ? ok(found.value) : fresh
}

function named(indices: readonly PieceIndex[]): readonly PieceIndex[] {
  return [...new Set(indices)].toSorted((a, b) => a - b)
}

/** Indices as the data of a refusal has them. */
function listOf(text: string): readonly PieceIndex[] {
  return text === "" ? [] : text.split(",").map((each) => unwrap(decodePieceIndex(Number(each))))
}

function absent(): Refusal<"RUN_RECORD_ABSENT"> {
  return refuse("RUN_RECORD_ABSENT", "neither pieces nor a label open this keystore; start the node with its passphrase or key file")
}

function delegationAbsent(): Refusal<"DELEGATED_START_ABSENT"> {
  return refuse(
    "DELEGATED_START_ABSENT",
    "no label opens this keystore; start the node with its passphrase or key file, and run `keygrove unlock delegate CARD`",
  )
}

function over(): Refusal<"KEYSTORE_GONE"> {
  return refuse("KEYSTORE_GONE", "the locked keystore has ended, or was unlocked; restart the node with `keygrove up`")
}

function invalid(message: string): Refusal<"KEYSTORE_REQUEST_INVALID"> {
  return refuse("KEYSTORE_REQUEST_INVALID", message)
}
