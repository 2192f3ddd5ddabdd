import { unwrap } from "@keygrove/base"
import { expect, test } from "vitest"
import { call, changed } from "./keystore-cast.contract.ts"
import {
  generationOf,
  indexOf,
  openByPieces,
  openOwner,
  shareAmong,
  THRESHOLD,
  type HeldPiece,
  type PieceCast,
  type PieceKeysSubject,
  type PieceKeystore,
  type Shared,
} from "./piece-keys-cast.contract.ts"
import type { Contribution, PieceRecipient, SubpieceCombination } from "./piece-keys.ts"

/** A sharing that goes over to another key generation while its owner is off. */
export function movingPieces(subject: PieceKeysSubject, shared: () => PieceCast): void {
  const to = generationOf(5)
  const threshold = 2
  const recipientsOf = (holders: readonly PieceKeystore[]): readonly PieceRecipient[] =>
    holders.map((holder, at) => ({ index: indexOf(at + 10), sealingKey: holder.identity().keys.sealingKey }))

  /** What each old holder gives, by the index of the new one. */
  async function contributionsOf(
    held: readonly HeldPiece[],
    recipients: readonly PieceRecipient[],
  ): Promise<ReadonlyMap<number, readonly Contribution[]>> {
    const all = new Map<number, Contribution[]>(recipients.map(({ index }) => [index, []]))
    for (const { holder, ...piece } of held) {
      const { commitments, subpieces } = unwrap(await holder.subshare({ ...piece, to, threshold, recipients }, call))
      const signingKey = holder.identity().keys.signingKey
      for (const { index, sealed } of subpieces) all.get(index)?.push({ index: piece.index, signingKey, commitments, sealed })
    }
    return all
  }

  test("opens the owner with fewer pieces of other holders, and nobody had its storage key", async () => {
    const { holders, home } = shared()
    const owner = await openOwner(home)
    const identity = owner.identity()
    const made = await shareAmong(owner, holders, 4)
    await owner[Symbol.asyncDispose]()
    const newHolders = holders.slice(1)
    const recipients = recipientsOf(newHolders)
    const contributions = await contributionsOf(made.held.slice(0, THRESHOLD), recipients)
    const held: HeldPiece[] = []
    let sharing = made.sharing
    for (const [at, holder] of newHolders.entries()) {
      const index = indexOf(at + 10)
      const order = { from: made.sharing, to, threshold, index, contributions: contributions.get(index) ?? [] }
      const { commitments, stored } = unwrap(await holder.combineSubpieces(order, call))
      sharing = { ...made.sharing, generation: to, commitments }
      held.push({ sharing, index, stored, holder })
    }
    expect([sharing.commitments.length, sharing.commitments[0]]).toEqual([threshold, made.sharing.commitments[0]])
    const moved: Shared = { sharing, held }
    for (const some of [held.slice(0, 2), held.slice(1)]) {
      await using opened = await openByPieces(subject, home, { ...moved, held: some })
      expect(opened.identity()).toEqual(identity)
    }
  })

  test("whose old holder lied is named, whatever the lie", async () => {
    const { holders, home } = shared()
    const owner = await openOwner(home)
    const made = await shareAmong(owner, holders, 4)
    await owner[Symbol.asyncDispose]()
    const recipients = recipientsOf(holders.slice(1))
    const [combiner] = holders.slice(1)
    const mine = (await contributionsOf(made.held.slice(0, THRESHOLD), recipients)).get(10) ?? []
    const others = (await contributionsOf(made.held.slice(0, THRESHOLD), recipients)).get(10) ?? []
    const [first, second, third] = mine
    const [, another] = others
    if (combiner === undefined || first === undefined || second === undefined || third === undefined || another === undefined)
      throw new TypeError("three contribute")
    const order: SubpieceCombination = { from: made.sharing, to, threshold, index: indexOf(10), contributions: mine }
    const combined = async (...contributions: readonly Contribution[]): Promise<unknown> =>
      await combiner.combineSubpieces({ ...order, contributions }, call)
    const liar = { code: "SUBPIECE_INVALID", data: { index: 3 } }
    expect(await combined(first, { ...second, sealed: changed(second.sealed, second.sealed.length - 1) }, third)).toMatchObject(liar)
    expect(await combined(first, { ...second, sealed: another.sealed }, third)).toMatchObject(liar)
    expect(await combined(first, { ...second, commitments: [...second.commitments].toReversed() }, third)).toMatchObject(liar)
    expect(await combined(first, { ...second, commitments: second.commitments.slice(1) }, third)).toMatchObject(liar)
    expect(await combined(first, { ...second, signingKey: first.signingKey }, third)).toMatchObject(liar)
    expect(await combined(first, second)).toMatchObject({ code: "SHARING_INVALID" })
    expect(await combined(first, second, second)).toMatchObject({ code: "SHARING_INVALID" })
    expect(await combined(first, second, third)).toMatchObject({ ok: true })
  })
}
