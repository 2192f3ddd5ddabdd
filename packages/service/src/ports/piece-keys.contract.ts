import { toHex, unwrap, utf8 } from "@keygrove/base"
import { encodeInfo } from "@keygrove/crypto"
import { decodeCommitments, sharingIdOf, verifyPossession } from "@keygrove/pieces"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { call, changed, INVALID, label, messageOf, signal } from "./keystore-cast.contract.ts"
import {
  assemblePieces,
  generationOf,
  indexOf,
  openByPieces,
  openOwner,
  returned,
  shareAmong,
  THRESHOLD,
  unlockingWith,
  type PieceCast,
  type PieceKeysSubject,
  type PieceKeystore,
} from "./piece-keys-cast.contract.ts"
import { delegatedStarts } from "./delegated-start.contract.ts"
import { movingPieces } from "./piece-keys-moving.contract.ts"
import { slotsAndRekeys } from "./piece-keys-slots.contract.ts"
import type { SharingOrder } from "./piece-keys.ts"

/** The suite that every keystore with pieces passes, be it in this process or behind a socket. */
export function pieceKeysContract(name: string, subject: PieceKeysSubject): void {
  describe(`piece keys: ${name}`, () => {
    let cast: PieceCast
    beforeAll(async () => {
      cast = await assemblePieces(subject)
    })
    afterAll(async () => {
      await cast[Symbol.asyncDispose]()
    })
    const shared = (): PieceCast => cast
    describe("boot keys", () => bootKeys(subject, shared))
    describe("pieces", () => pieces(subject, shared))
    describe("unlocking", () => unlocking(subject, shared))
    describe("slots and rekeys", () => slotsAndRekeys(subject, shared))
    describe("sharings that move", () => movingPieces(subject, shared))
    describe("starts by a label", () => delegatedStarts(subject, shared))
    describe("lock and signals", () => ending(shared))
  })
}

function bootKeys({ primitives }: PieceKeysSubject, shared: () => PieceCast): void {
  test("stay the same, and are every node's own", async () => {
    const { holders } = shared()
    const first = await withOwner(shared(), async (owner) => unwrap(await owner.bootKeys(call)))
    const again = await withOwner(shared(), async (owner) => unwrap(await owner.bootKeys(call)))
    expect(again).toEqual(first)
    const all = await Promise.all(holders.map(async (holder) => unwrap(await holder.bootKeys(call))))
    expect(
      new Set([first, ...all].flatMap((keys) => [toHex(keys.signingKey), toHex(keys.sealingKey), toHex(keys.encryptionKey)])).size,
    ).toBe(15)
  })

  test("sign what opens a line and what asks for pieces or as a reader, and nothing else", async () => {
    await withOwner(shared(), async (owner) => await shareAmong(owner, shared().holders, 1))
    await using locked = unwrap(await shared().home.openLocked())
    const noise = Uint8Array.from([...utf8("noise-libp2p-static-key:"), ...new Uint8Array(32)])
    const request = encodeInfo(["keygrove/v1/unlock-request", new Uint8Array(32)])
    const asReader = encodeInfo(["keygrove/v1/request", new Uint8Array(32)])
    for (const [purpose, message] of [["handshake", noise] as const, ["message", request] as const, ["message", asReader] as const])
      expect(primitives.ed25519.verify(locked.bootKeys.signingKey, message, unwrap(await locked.sign(purpose, message, call)))).toBe(true)
    for (const domain of ["entry", "receipt", "piece-receipt", "unlock-approval"])
      expect(await locked.sign("message", encodeInfo([`keygrove/v1/${domain}`]), call), domain).toMatchObject(INVALID)
    expect(await locked.sign("handshake", request, call)).toMatchObject(INVALID)
    expect(await locked.sign("message", noise, call)).toMatchObject(INVALID)
  })
}

function pieces({ primitives }: PieceKeysSubject, shared: () => PieceCast): void {
  test("each goes to its holder, and is taken by nobody else and as nothing else", async () => {
    const { holders } = shared()
    const [first, second] = holders
    if (first === undefined || second === undefined) throw new TypeError("there are four holders")
    await withOwner(shared(), async (owner) => {
      const { cluster, keys, path } = owner.identity()
      const recipients = holders.map((holder, at) => ({ index: indexOf(at + 2), sealingKey: holder.identity().keys.sealingKey }))
      const prepared = unwrap(await owner.share({ generation: generationOf(7), threshold: THRESHOLD, recipients }, call))
      expect([prepared.commitments.length, prepared.pieces.map(({ index }) => Number(index))]).toEqual([THRESHOLD, [2, 3, 4, 5]])
      expect(unwrap(await owner.slots(call)).at(-1)).toEqual({ generation: generationOf(7), publicKey: prepared.commitments[0] })
      const sharing = { cluster, owner: path, generation: generationOf(7), commitments: prepared.commitments }
      const [piece, other] = prepared.pieces
      if (piece === undefined || other === undefined) throw new TypeError("there are four pieces")
      const acceptance = { sharing, index: piece.index, sealed: piece.sealed, ownerSigningKey: keys.signingKey }
      const misfit = { code: "SEALED_MESSAGE_INVALID" }
      expect(await second.acceptPiece(acceptance, call)).toMatchObject(misfit)
      expect(await first.acceptPiece({ ...acceptance, index: other.index }, call)).toMatchObject(misfit)
      expect(await first.acceptPiece({ ...acceptance, sharing: { ...sharing, generation: generationOf(8) } }, call)).toMatchObject(misfit)
      expect(await first.acceptPiece({ ...acceptance, ownerSigningKey: second.identity().keys.signingKey }, call)).toMatchObject(misfit)
      expect(await first.acceptPiece({ ...acceptance, sealed: changed(piece.sealed, piece.sealed.length - 1) }, call)).toMatchObject(misfit)
      expect(await first.acceptPiece({ ...acceptance, sealed: new Uint8Array(0) }, call)).toMatchObject(misfit)
      const bad = { ...sharing, commitments: [new Uint8Array(33).fill(2), ...prepared.commitments.slice(1)] }
      expect(await first.acceptPiece({ ...acceptance, sharing: bad }, call)).toMatchObject({ code: expect.stringMatching(/INVALID$/) })
      const stored = unwrap(await first.acceptPiece(acceptance, call))
      const kept = { sharing, index: piece.index, stored }
      const order = { request: new Uint8Array(32), ownerSealingKey: unwrap(await owner.bootKeys(call)).sealingKey }
      expect(await first.returnPiece({ ...kept, ...order }, call)).toMatchObject({ ok: true })
      expect(await second.returnPiece({ ...kept, ...order }, call)).toMatchObject({ code: "PIECE_INVALID" })
      expect(await first.returnPiece({ ...kept, ...order, index: other.index }, call)).toMatchObject({ code: "PIECE_INVALID" })
      expect(await first.returnPiece({ ...kept, ...order, stored: changed(stored, 30) }, call)).toMatchObject({ code: "PIECE_INVALID" })
      expect(await first.returnPiece({ ...kept, ...order, stored: new Uint8Array(3) }, call)).toMatchObject({ code: "PIECE_INVALID" })
      expect(await first.returnPiece({ ...kept, ...order, ownerSealingKey: new Uint8Array(32) }, call)).toMatchObject(INVALID)
    })
  })

  test("possession is proved to whoever asks, for this challenge only", async () => {
    const { held, sharing } = await withOwner(shared(), async (owner) => await shareAmong(owner, shared().holders, 1))
    const [first, second] = held
    if (first === undefined || second === undefined) throw new TypeError("there are four pieces")
    const challenge = new Uint8Array(32).fill(3)
    const { holder, ...piece } = first
    const proof = unwrap(await holder.provePiece({ ...piece, challenge }, call))
    const { cluster, commitments, generation, owner } = sharing
    const subject = {
      sharing: sharingIdOf(primitives, { owner: { cluster, path: owner }, generation, commitments }),
      commitments: unwrap(decodeCommitments(primitives.curve, commitments)),
      index: piece.index,
      challenge,
    }
    expect(verifyPossession(primitives, subject, proof)).toBe(true)
    expect(verifyPossession(primitives, { ...subject, challenge: new Uint8Array(32) }, proof)).toBe(false)
    expect(verifyPossession(primitives, { ...subject, index: second.index }, proof)).toBe(false)
    expect(await second.holder.provePiece({ ...piece, challenge }, call)).toMatchObject({ code: "PIECE_INVALID" })
  })

  test("refuses orders that make no sharing", async () => {
    await withOwner(shared(), async (owner) => {
      const before = unwrap(await owner.slots(call))
      const recipients = shared().holders.map((holder, at) => ({ index: indexOf(at + 2), sealingKey: holder.identity().keys.sealingKey }))
      const order: SharingOrder = { generation: generationOf(9), threshold: THRESHOLD, recipients }
      const [first] = recipients
      if (first === undefined) throw new TypeError("there are four holders")
      const bad: readonly Partial<SharingOrder>[] = [
        { threshold: 1 },
        { threshold: 5 },
        { recipients: [] },
        { recipients: [...recipients, first] },
      ]
      for (const changes of bad) expect(await owner.share({ ...order, ...changes }, call)).toMatchObject({ code: "SHARING_INVALID" })
      const nobody = [...recipients.slice(1), { ...first, sealingKey: new Uint8Array(32) }]
      expect(await owner.share({ ...order, recipients: nobody }, call)).toMatchObject(INVALID)
      expect(unwrap(await owner.slots(call))).toEqual(before)
    })
  })
}

function unlocking(subject: PieceKeysSubject, shared: () => PieceCast): void {
  test("enough pieces of whichever holders open the node as its passphrase does", async () => {
    const { holders, home } = shared()
    const { before, labelKey, made } = await withOwner(shared(), async (owner) => ({
      before: owner.identity(),
      labelKey: unwrap(await owner.labelPublicKey({ label, epoch: owner.identity().keys.epoch }, call)),
      made: await shareAmong(owner, holders, 1),
    }))
    for (const held of [made.held.slice(0, 3), made.held.slice(1), [...made.held.slice(2), ...made.held.slice(0, 1)]]) {
      await using owner = await openByPieces(subject, home, { ...made, held })
      expect(owner.identity()).toEqual(before)
      expect(unwrap(await owner.labelPublicKey({ label, epoch: before.keys.epoch }, call))).toEqual(labelKey)
      const signature = unwrap(await owner.sign("message", messageOf(1), call))
      expect(subject.primitives.ed25519.verify(before.keys.signingKey, messageOf(1), signature)).toBe(true)
      expect(unwrap(await owner.slots(call)).map(({ publicKey }) => toHex(publicKey))).toContain(
        toHex(made.sharing.commitments[0] ?? before.anchorKey),
      )
    }
  })

  test("pieces come back also to a key that each start has of its own, and no other start opens those", async () => {
    const { holders, home } = shared()
    const made = await withOwner(shared(), async (owner) => await shareAmong(owner, holders, 1))
    const request = subject.random(32)
    const before = unwrap(await home.openLocked())
    const pieces = await returned(before, made.held, request, before.freshSealingKey)
    await before[Symbol.asyncDispose]()
    await using locked = unwrap(await home.openLocked())
    expect(locked.bootKeys).toEqual(before.bootKeys)
    expect(locked.freshSealingKey).not.toEqual(before.freshSealingKey)
    const refused = await locked.unlock({ sharing: made.sharing, request, pieces }, call)
    expect(refused).toMatchObject({ code: "PIECES_INSUFFICIENT", data: { liars: "2,3,4,5", good: 0 } })
    const now = await returned(locked, made.held, request, locked.freshSealingKey)
    const { keystore, liars } = unwrap(await locked.unlock({ sharing: made.sharing, request, pieces: now }, call))
    expect(liars).toEqual([])
    await keystore[Symbol.asyncDispose]()
  })

  test("too few open nothing, liars are named, and others can be tried", async () => {
    const { holders, home } = shared()
    const made = await withOwner(shared(), async (owner) => await shareAmong(owner, holders, 1))
    const locked = unwrap(await home.openLocked())
    const order = await unlockingWith(subject, locked, made)
    const [first, second, third, fourth] = order.pieces
    if (first === undefined || second === undefined || third === undefined || fourth === undefined) throw new TypeError("four pieces")
    const insufficient = (liars: string, good: number): object => ({ code: "PIECES_INSUFFICIENT", data: { liars, good, threshold: 3 } })
    const tried = async (...all: typeof order.pieces): Promise<unknown> => await locked.unlock({ ...order, pieces: all }, call)
    expect(await tried()).toMatchObject(insufficient("", 0))
    expect(await tried(first, second)).toMatchObject(insufficient("", 2))
    expect(await tried(first, first, second, first)).toMatchObject(insufficient("", 2))
    const forged = { ...third, sealed: changed(third.sealed, third.sealed.length - 1) }
    expect(await tried(first, second, forged)).toMatchObject(insufficient("4", 2))
    expect(await tried(first, { ...third, index: fourth.index }, { ...second, holderSigningKey: first.holderSigningKey })).toMatchObject(
      insufficient("3,5", 1),
    )
    expect(await locked.unlock({ ...order, request: new Uint8Array(32) }, call)).toMatchObject(insufficient("2,3,4,5", 0))
    expect(await locked.unlock({ ...order, request: new Uint8Array(31) }, call)).toMatchObject(INVALID)
    const unknown = { ...order.sharing, commitments: [...order.sharing.commitments].toReversed() }
    expect(await locked.unlock({ ...order, sharing: unknown }, call)).toMatchObject({ code: "SLOT_UNKNOWN" })
    const { keystore, liars } = unwrap(await locked.unlock({ ...order, pieces: [first, forged, fourth, second] }, call))
    expect([keystore.state(), liars.map(Number)]).toEqual(["unlocked", [4]])
    const request = encodeInfo(["keygrove/v1/unlock-request", new Uint8Array(32)])
    expect(await locked.sign("message", request, call)).toMatchObject({ code: "KEYSTORE_GONE" })
    expect(await tried(first, second, fourth)).toMatchObject({ code: "KEYSTORE_GONE" })
    await keystore[Symbol.asyncDispose]()
  })

  test("pieces of another sharing of the same owner do not mix in", async () => {
    const { holders, home } = shared()
    const [old, made] = await withOwner(
      shared(),
      async (owner) => [await shareAmong(owner, holders, 1), await shareAmong(owner, holders, 2)] as const,
    )
    await using locked = unwrap(await home.openLocked())
    const request = subject.random(32)
    const mixed = [...(await returned(locked, old.held.slice(0, 2), request)), ...(await returned(locked, made.held.slice(2), request))]
    expect(await locked.unlock({ sharing: made.sharing, request, pieces: mixed }, call)).toMatchObject({
      code: "PIECES_INSUFFICIENT",
      data: { liars: "2,3" },
    })
    expect(locked.slots.map(({ generation }) => Number(generation)).slice(0, 2)).toEqual([1, 2])
    expect(locked.node.path).toBe(made.sharing.owner)
  })
}

function ending(shared: () => PieceCast): void {
  test("after lock every call is refused for that, and a signal ends a call with its reason", async () => {
    const [holder] = shared().holders
    if (holder === undefined) throw new TypeError("there are four holders")
    const { commitments } = (await withOwner(shared(), async (owner) => await shareAmong(owner, shared().holders, 1))).sharing
    const sharing = { cluster: holder.identity().cluster, owner: holder.identity().path, generation: generationOf(1), commitments }
    const piece = { sharing, index: indexOf(2), stored: new Uint8Array(72) }
    const every = (keystore: PieceKeystore, until: AbortSignal): readonly (() => Promise<unknown>)[] => {
      const options = { signal: until }
      return [
        async () => await keystore.bootKeys(options),
        async () => await keystore.slots(options),
        async () => await keystore.share({ generation: generationOf(1), threshold: 2, recipients: [] }, options),
        async () => await keystore.keepSlots([], options),
        async () => await keystore.acceptPiece({ ...piece, sealed: piece.stored, ownerSigningKey: new Uint8Array(32) }, options),
        async () => await keystore.returnPiece({ ...piece, request: new Uint8Array(32), ownerSealingKey: new Uint8Array(32) }, options),
        async () => await keystore.provePiece({ ...piece, challenge: new Uint8Array(32) }, options),
        async () => await keystore.subshare({ ...piece, to: generationOf(2), threshold: 2, recipients: [] }, options),
        async () =>
          await keystore.combineSubpieces(
            { from: sharing, to: generationOf(2), threshold: 2, index: indexOf(2), contributions: [] },
            options,
          ),
      ]
    }
    const reason = new Error("enough")
    for (const begin of every(holder, AbortSignal.abort(reason))) await expect(begin()).rejects.toBe(reason)
    await withOwner(shared(), async (owner) => {
      unwrap(await owner.lock(call))
      for (const begin of every(owner, signal)) expect(await begin()).toMatchObject({ code: "KEYSTORE_LOCKED" })
    })
  })
}

/** Opens the owner by its passphrase for a while. */
async function withOwner<T>({ home }: PieceCast, use: (owner: PieceKeystore) => Promise<T>): Promise<T> {
  await using owner = await openOwner(home)
  return await use(owner)
}
