import { unwrap, type RandomBytes, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { decodeKeyGeneration, decodePieceIndex, type KeyGeneration, type PieceIndex } from "@keygrove/pieces"
import { call } from "./keystore-cast.contract.ts"
import type { Keystore, PreparedRekey, RekeyExchange } from "./keystore.ts"
import type { LockedKeystore, PieceKeys, PieceUnlocking, ReturnedPiece, SharingReference, StoredPiece } from "./piece-keys.ts"
import type { Sealing } from "./sealing.ts"

export type PieceKeystore = Keystore & PieceKeys

/** A node of its own with a store that lasts. One keystore of it is open at a time. Disposal removes it. */
export interface PieceHome extends AsyncDisposable {
  /** By the passphrase or key file. */
  open(): Promise<PieceKeystore>
  /** By the boot key. */
  openLocked(): Promise<Result<LockedKeystore>>
  /** The ceremony of its next epoch, for the keystore that began the exchange. */
  prepareRekey(keystore: Keystore, exchange: RekeyExchange): Promise<PreparedRekey>
  /** The ceremony of its next epoch while no keystore is open. */
  rekeyStopped(identity: ReturnType<Keystore["identity"]>): Promise<void>
}

/** How a suite gets its keystores, and what it computes the other side with. */
export interface PieceKeysSubject {
  newHome(): Promise<PieceHome>
  readonly primitives: Primitives
  readonly sealing: Sealing
  readonly random: RandomBytes
}

/** Five nodes, of which three are needed: the owner, which tests close and open, and those who hold its pieces. */
export interface PieceCast extends AsyncDisposable {
  readonly home: PieceHome
  readonly holders: readonly PieceKeystore[]
}

export const THRESHOLD = 3
const HOLDERS = 4

export async function assemblePieces({ newHome }: PieceKeysSubject): Promise<PieceCast> {
  await using opened = new AsyncDisposableStack()
  const home = opened.use(await newHome())
  const holders: PieceKeystore[] = []
  for (let number = 0; number < HOLDERS; number++) holders.push(opened.use(await opened.use(await newHome()).open()))
  const owned = opened.move()
  return { home, holders, [Symbol.asyncDispose]: async () => await owned.disposeAsync() }
}

export const generationOf = (number: number): KeyGeneration => unwrap(decodeKeyGeneration(number))
export const indexOf = (number: number): PieceIndex => unwrap(decodePieceIndex(number))

/** The owner by its passphrase, in its newest epoch: the suite has no ledger that would say which counts. */
export async function openOwner(home: PieceHome): Promise<PieceKeystore> {
  const owner = await home.open()
  if (owner.pendingRekey() !== undefined) unwrap(await owner.finishRekey(call))
  return owner
}

/** A sharing, and who holds what of it. */
export interface Shared {
  readonly sharing: SharingReference
  readonly held: readonly HeldPiece[]
}

export interface HeldPiece extends StoredPiece {
  readonly holder: PieceKeystore
}

/** Has the owner share a storage key among the holders, each of which accepts. Indices are 2 and on, as if the owner were the first by path. */
export async function shareAmong(owner: PieceKeystore, holders: readonly PieceKeystore[], number: number): Promise<Shared> {
  const { cluster, keys, path } = owner.identity()
  const generation = generationOf(number)
  const recipients = holders.map((holder, at) => ({ index: indexOf(at + 2), sealingKey: holder.identity().keys.sealingKey }))
  const { commitments, pieces } = unwrap(await owner.share({ generation, threshold: THRESHOLD, recipients }, call))
  const sharing = { cluster, owner: path, generation, commitments }
  const held: HeldPiece[] = []
  for (const [at, { index, sealed }] of pieces.entries()) {
    const holder = holders[at]
    if (holder === undefined) throw new TypeError("there is a holder for each piece")
    const stored = unwrap(await holder.acceptPiece({ sharing, index, sealed, ownerSigningKey: keys.signingKey }, call))
    held.push({ sharing, index, stored, holder })
  }
  return { sharing, held }
}

/** What holders give back to a locked owner in one request, sealed to its boot key unless another is given. */
export async function returned(
  locked: LockedKeystore,
  held: readonly HeldPiece[],
  request: Uint8Array,
  ownerSealingKey: Uint8Array = locked.bootKeys.sealingKey,
): Promise<readonly ReturnedPiece[]> {
  return await Promise.all(
    held.map(async ({ holder, ...piece }) => {
      const sealed = unwrap(await holder.returnPiece({ ...piece, request, ownerSealingKey }, call))
      return { index: piece.index, sealed, holderSigningKey: holder.identity().keys.signingKey }
    }),
  )
}

/** All that unlocks with the pieces of these holders. */
export async function unlockingWith(
  { random }: PieceKeysSubject,
  locked: LockedKeystore,
  { held, sharing }: Shared,
): Promise<PieceUnlocking> {
  const request = random(32)
  return { sharing, request, pieces: await returned(locked, held, request) }
}

/** Opens a home by pieces. */
export async function openByPieces(subject: PieceKeysSubject, home: PieceHome, shared: Shared): Promise<PieceKeystore> {
  const locked = unwrap(await home.openLocked())
  const { keystore, liars } = unwrap(await locked.unlock(await unlockingWith(subject, locked, shared), call))
  if (liars.length > 0) throw new TypeError(`nobody lies here, and ${liars.join()} did`)
  return keystore
}
