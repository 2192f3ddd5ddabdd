import { toHex, unwrap } from "@keygrove/base"
import { expect, test } from "vitest"
import { cardOf, granted, type Granting } from "./delegated-start-cast.contract.ts"
import type { DelegatedUnlocking } from "./delegated-start.ts"
import { call, changed, messageOf } from "./keystore-cast.contract.ts"
import type { LockedKeystore } from "./piece-keys.ts"
import {
  openByPieces,
  openOwner,
  shareAmong,
  type PieceCast,
  type PieceHome,
  type PieceKeysSubject,
  type PieceKeystore,
} from "./piece-keys-cast.contract.ts"

/** What a grant of another node's label opens. */
export function delegatedStarts(subject: PieceKeysSubject, shared: () => PieceCast): void {
  const grantingIn = ({ holders }: PieceCast): Granting => {
    const [owner, ...proxies] = holders
    if (owner === undefined) throw new TypeError("there are four holders")
    return { owner, proxies: proxies.slice(0, 2) }
  }

  test("opens the node as its passphrase does, for whoever reads under its boot key", async () => {
    const { home } = shared()
    const { owner } = grantingIn(shared())
    const card = await cardOf(owner)
    const running = await openOwner(home)
    const before = running.identity()
    const start = unwrap(await running.delegateStart(card, call))
    expect({ ...start, capsule: start.capsule.length }).toEqual({ ...card, capsule: 105 })
    expect(unwrap(await running.delegatedStart(call))).toEqual(start)
    const boot = unwrap(await running.bootKeys(call))
    await running[Symbol.asyncDispose]()
    const locked = unwrap(await home.openLocked())
    expect([locked.delegatedStart, locked.bootKeys, locked.node.path]).toEqual([start, boot, before.path])
    const order = await granted(grantingIn(shared()), start, boot.encryptionKey)
    const opened = unwrap(await locked.unlockDelegated(order, call))
    expect(await locked.unlockDelegated(order, call)).toMatchObject({ code: "KEYSTORE_GONE" })
    expect(opened.identity()).toEqual(before)
    const signature = unwrap(await opened.sign("message", messageOf(1), call))
    expect(subject.primitives.ed25519.verify(before.keys.signingKey, messageOf(1), signature)).toBe(true)
    expect(unwrap(await opened.delegatedStart(call))).toEqual(start)
    await opened[Symbol.asyncDispose]()
  })

  test("takes no fragments but enough good ones, of its own capsule and for its own boot key", async () => {
    const { holders, home } = shared()
    const granting = grantingIn(shared())
    const [before, start] = await withOwner(home, async (running) => {
      const card = await cardOf(granting.owner)
      return [unwrap(await running.delegateStart(card, call)), unwrap(await running.delegateStart(card, call))] as const
    })
    await using locked = unwrap(await home.openLocked())
    const { encryptionKey } = locked.bootKeys
    const order = await granted(granting, start, encryptionKey)
    const [first, second] = order.capsuleFragments
    if (first === undefined || second === undefined) throw new TypeError("there are two fragments")
    const tried = async (changes: Partial<DelegatedUnlocking>): Promise<unknown> =>
      await locked.unlockDelegated({ ...order, ...changes }, call)
    expect(await tried({ capsuleFragments: [] })).toMatchObject({ code: "FRAGMENTS_INSUFFICIENT" })
    expect(await tried({ capsuleFragments: [first] })).toMatchObject({ code: "FRAGMENTS_INSUFFICIENT" })
    expect(await tried({ capsuleFragments: [first, changed(second, 300)] })).toMatchObject({ code: "FRAGMENT_INVALID", data: { index: 1 } })
    const stranger = holders[3]?.identity().keys.delegationKey ?? order.delegationKey
    expect(await tried({ delegationKey: stranger })).toMatchObject({ code: "FRAGMENT_INVALID", data: { index: 0 } })
    expect(await locked.unlockDelegated(await granted(granting, before, encryptionKey), call)).toMatchObject({ code: "FRAGMENT_INVALID" })
    const forAnother = await granted(granting, start, granting.owner.identity().keys.encryptionKey)
    expect(await locked.unlockDelegated(forAnother, call)).toMatchObject({ code: "FRAGMENT_INVALID" })
    expect(unwrap(await locked.unlockDelegated(order, call)).state()).toBe("unlocked")
  })

  test("stands beside pieces, and each is taken away without the other", async () => {
    const { holders, home } = shared()
    const granting = grantingIn(shared())
    const running = await openOwner(home)
    const start = unwrap(await running.delegateStart(await cardOf(granting.owner), call))
    const pieces = await shareAmong(running, holders, 1)
    await running[Symbol.asyncDispose]()
    const byPieces = await openByPieces(subject, home, pieces)
    unwrap(await byPieces.keepSlots([], call))
    expect([unwrap(await byPieces.slots(call)), unwrap(await byPieces.delegatedStart(call))]).toEqual([[], start])
    await byPieces[Symbol.asyncDispose]()
    const byGrant = await openByGrant(home, granting)
    const again = await shareAmong(byGrant, holders, 2)
    unwrap(await byGrant.endDelegatedStart(call))
    unwrap(await byGrant.endDelegatedStart(call))
    expect(unwrap(await byGrant.delegatedStart(call))).toBeUndefined()
    await byGrant[Symbol.asyncDispose]()
    const locked = unwrap(await home.openLocked())
    expect(locked.delegatedStart).toBeUndefined()
    expect(await locked.unlockDelegated(await granted(granting, start, locked.bootKeys.encryptionKey), call)).toMatchObject({
      code: "DELEGATED_START_ABSENT",
    })
    await locked[Symbol.asyncDispose]()
    await using last = await openByPieces(subject, home, again)
    unwrap(await last.keepSlots([], call))
    await last[Symbol.asyncDispose]()
    expect(await home.openLocked()).toMatchObject({ code: "RUN_RECORD_ABSENT" })
  })

  test("goes on over rekeys of the node, of the label's owner, and ends with one while the node is stopped", async () => {
    const { home } = shared()
    await using ownerHome = await subject.newHome()
    const owner = await ownerHome.open()
    const granting = { owner, proxies: grantingIn(shared()).proxies }
    const running = await openOwner(home)
    unwrap(await running.delegateStart(await cardOf(owner), call))
    unwrap(await running.acceptRekey(await home.prepareRekey(running, unwrap(await running.beginRekey(call))), call))
    await running[Symbol.asyncDispose]()
    const pending = await openByGrant(home, granting)
    const { keys } = unwrap(await pending.finishRekey(call))
    await pending[Symbol.asyncDispose]()
    unwrap(await owner.acceptRekey(await ownerHome.prepareRekey(owner, unwrap(await owner.beginRekey(call))), call))
    unwrap(await owner.finishRekey(call))
    const after = await openByGrant(home, granting)
    expect(toHex(after.identity().keys.signingKey)).toBe(toHex(keys.signingKey))
    const identity = after.identity()
    await after[Symbol.asyncDispose]()
    await owner[Symbol.asyncDispose]()
    await home.rekeyStopped(identity)
    expect(await home.openLocked()).toMatchObject({ code: "RUN_RECORD_ABSENT" })
    await withOwner(home, async (stopped) => expect(unwrap(await stopped.delegatedStart(call))).toBeUndefined())
  })

  test("refuses a label key that is no point, and leaves what there was", async () => {
    const { home } = shared()
    const card = await cardOf(grantingIn(shared()).owner)
    await withOwner(home, async (running) => {
      const start = unwrap(await running.delegateStart(card, call))
      const none = { ...card, labelKey: Uint8Array.from([2, ...new Uint8Array(32).fill(255)]) }
      expect(await running.delegateStart(none, call)).toMatchObject({ code: "KEYSTORE_REQUEST_INVALID" })
      expect(unwrap(await running.delegatedStart(call))).toEqual(start)
    })
  })
}

async function withOwner<T>(home: PieceHome, use: (running: PieceKeystore) => Promise<T>): Promise<T> {
  const running = await openOwner(home)
  try {
    return await use(running)
  } finally {
    await running[Symbol.asyncDispose]()
  }
}

async function openByGrant(home: PieceHome, granting: Granting): Promise<PieceKeystore> {
  const locked: LockedKeystore = unwrap(await home.openLocked())
  if (locked.delegatedStart === undefined) throw new TypeError("a label opens this home")
  return unwrap(await locked.unlockDelegated(await granted(granting, locked.delegatedStart, locked.bootKeys.encryptionKey), call))
}
