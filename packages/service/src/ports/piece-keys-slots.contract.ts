import { toHex, unwrap } from "@keygrove/base"
import { expect, test } from "vitest"
import { call, messageOf } from "./keystore-cast.contract.ts"
import {
  openByPieces,
  openOwner,
  shareAmong,
  THRESHOLD,
  unlockingWith,
  type PieceCast,
  type PieceKeysSubject,
  type PieceKeystore,
} from "./piece-keys-cast.contract.ts"

/** What becomes of the ways in, and of pieces, when nodes rekey and key generations are over. */
export function slotsAndRekeys(subject: PieceKeysSubject, shared: () => PieceCast): void {
  const generationsOf = async (keystore: PieceKeystore): Promise<readonly number[]> =>
    unwrap(await keystore.slots(call)).map(({ generation }) => Number(generation))

  test("a slot that is not kept opens nothing more, and one of the same generation takes the place of the other", async () => {
    const { holders, home } = shared()
    const owner = await openOwner(home)
    const [first, second] = [await shareAmong(owner, holders, 1), await shareAmong(owner, holders, 2)]
    const third = await shareAmong(owner, holders, 2)
    unwrap(
      await owner.keepSlots(
        [first, third].flatMap(({ sharing }) => sharing.commitments.slice(0, 1)),
        call,
      ),
    )
    expect(await generationsOf(owner)).toEqual([1, 2])
    await owner[Symbol.asyncDispose]()
    const locked = unwrap(await home.openLocked())
    expect(await locked.unlock(await unlockingWith(subject, locked, second), call)).toMatchObject({ code: "SLOT_UNKNOWN" })
    const { keystore } = unwrap(await locked.unlock(await unlockingWith(subject, locked, third), call))
    unwrap(await keystore.keepSlots(third.sharing.commitments.slice(0, 1), call))
    await keystore[Symbol.asyncDispose]()
    await using again = await openByPieces(subject, home, third)
    expect(await generationsOf(again)).toEqual([2])
    unwrap(await again.keepSlots([], call))
    expect(await generationsOf(again)).toEqual([])
    await again[Symbol.asyncDispose]()
    expect(await home.openLocked()).toMatchObject({ code: "RUN_RECORD_ABSENT" })
  })

  test("pieces go on opening an owner that rekeys, with its next epoch pending and after it", async () => {
    const { holders, home } = shared()
    const owner = await openOwner(home)
    const made = await shareAmong(owner, holders, 1)
    const prepared = await home.prepareRekey(owner, unwrap(await owner.beginRekey(call)))
    const { keys } = unwrap(await owner.acceptRekey(prepared, call))
    await owner[Symbol.asyncDispose]()
    const pending = await openByPieces(subject, home, made)
    expect([Number(pending.identity().keys.epoch), pending.pendingRekey()?.keys]).toEqual([Number(keys.epoch) - 1, keys])
    const identity = unwrap(await pending.finishRekey(call))
    await pending[Symbol.asyncDispose]()
    await using after = await openByPieces(subject, home, made)
    expect([after.identity(), after.pendingRekey()]).toEqual([identity, undefined])
    const signature = unwrap(await after.sign("message", messageOf(1), call))
    expect(subject.primitives.ed25519.verify(keys.signingKey, messageOf(1), signature)).toBe(true)
    await after[Symbol.asyncDispose]()
    // The passphrase does not know whether the ledger has the statement, and the record follows what is in memory.
    const byPassphrase = await home.open()
    expect(byPassphrase.pendingRekey()?.keys ?? byPassphrase.identity().keys).toEqual(keys)
    if (byPassphrase.pendingRekey() !== undefined) unwrap(await byPassphrase.finishRekey(call))
    await byPassphrase[Symbol.asyncDispose]()
    await using last = await openByPieces(subject, home, made)
    expect(last.identity()).toEqual(identity)
  })

  test("a ceremony that nobody took in is found, and the passphrase once makes it good", async () => {
    const { holders, home } = shared()
    const owner = await openOwner(home)
    const made = await shareAmong(owner, holders, 1)
    await home.prepareRekey(owner, unwrap(await owner.beginRekey(call)))
    await owner[Symbol.asyncDispose]()
    expect(await home.openLocked()).toMatchObject({ code: "RUN_RECORD_STALE" })
    const byPassphrase = await home.open()
    const { keys } = unwrap(await byPassphrase.finishRekey(call))
    await byPassphrase[Symbol.asyncDispose]()
    await using opened = await openByPieces(subject, home, made)
    expect(opened.identity().keys).toEqual(keys)
  })

  test("a rekey while the node is stopped takes every way in away", async () => {
    const { holders, home } = shared()
    const owner = await openOwner(home)
    await shareAmong(owner, holders, 1)
    const identity = owner.identity()
    await owner[Symbol.asyncDispose]()
    await home.rekeyStopped(identity)
    expect(await home.openLocked()).toMatchObject({ code: "RUN_RECORD_ABSENT" })
    const again = await home.open()
    expect(await generationsOf(again)).toEqual([])
    unwrap(await again.finishRekey(call))
    const made = await shareAmong(again, holders, 2)
    const after = again.identity()
    await again[Symbol.asyncDispose]()
    await using opened = await openByPieces(subject, home, { ...made, held: made.held.slice(0, THRESHOLD) })
    expect(toHex(opened.identity().keys.signingKey)).toBe(toHex(after.keys.signingKey))
  })
}
