import type { NodePath } from "@keygrove/hierarchy"
import {
  findSharing,
  holdersOf,
  movableInto,
  owersOf,
  piecesHeldBy,
  sharingsOf,
  standingOfPiece,
  wipeableUpTo,
  type StoredPieceReference,
} from "@keygrove/pieces"
import { describe, expect, test } from "vitest"
import { KitCustody, kitCommitments, kitGeneration, kitReceipt, type KitSharing } from "./custody-kit.contract.ts"
import { kitBytes, kitChild, kitRoot, nodeRevokedEntry, rootReplacedEntry, signingName } from "./ledger-kit.contract.ts"
import { isRemoval } from "./statement.ts"

describe("a sharing", () => {
  test("is in an open generation of which its owner is a member, once", () => {
    const kit = new KitCustody("shares", 4, 3)
    kit.start(kit.node(1))
    expect(kit.share(kit.node(1))).toBe("applied")
    expect(kit.share(kit.node(1), 1, { commitments: kitCommitments("again", 2) })).toBe("SHARING_DUPLICATE")
    kit.join(kit.node(4))
    expect(kit.share(kit.node(4))).toBe("KEY_GENERATION_FOREIGN")
    const body = kit.shown(kit.node(2).path, 1, { attempt: 0 })
    expect(kit.say(kit.node(2), { kind: "pieces-shared", body: { ...body, generation: kitGeneration(2) } })).toBe("KEY_GENERATION_UNKNOWN")
    const sharing = findSharing(kit.custody, kit.node(1).path, kitGeneration(1))
    expect(sharing).toMatchObject({ owner: kit.node(1).path, held: [2, 3] })
    expect(sharing?.moved).toBeUndefined()
  })

  test("has as many commitments as pieces are needed, and a storage key that no other of its owner has", () => {
    const kit = new KitCustody("commitments", 3)
    const a = kit.node(1)
    kit.complete()
    kit.start(a)
    expect(kit.share(a, 2, { commitments: kitCommitments("three", 3) })).toBe("SHARING_THRESHOLD_WRONG")
    expect(kit.share(a, 2, { commitments: kitCommitments(`${a.path} 1`, 2) })).toBe("STORAGE_KEY_REUSED")
    expect(kit.share(a, 2, { commitments: kitCommitments(`${kit.node(2).path} 1`, 2) })).toBe("applied")
  })

  test("shows receipts of a majority of the members, by others, each over this piece", () => {
    const kit = new KitCustody("receipts", 5)
    const path = (number: number): NodePath => kit.node(number).path
    const [a, b, c, d, e] = [path(1), path(2), path(3), path(4), path(5)]
    kit.start(kit.node(1))
    const share = (holders: readonly NodePath[], forge?: NonNullable<KitSharing["forge"]>): string =>
      kit.share(kit.node(1), 1, forge === undefined ? { holders } : { holders, forge })
    expect(share([b, c])).toBe("PIECE_RECEIPTS_FEW")
    expect(share([a, b, c])).toBe("PIECE_RECEIPT_HOLDER_WRONG")
    expect(share([b, c, d], (receipt) => (receipt.index === 4 ? { ...receipt, signature: new Uint8Array(64) } : receipt))).toBe(
      "PIECE_RECEIPT_INVALID",
    )
    const others: Partial<Parameters<typeof kitReceipt>[0]>[] = [
      { cluster: kitRoot("other").cluster },
      { owner: b },
      { generation: kitGeneration(2) },
      { sharing: kitBytes("other") },
      { holder: e },
      { attempt: 1 },
    ]
    for (const other of others)
      expect(share([b, c, d], (_, piece) => kitReceipt({ ...piece, ...other }, signingName(kit.node(Number(piece.index)), 1)))).toBe(
        "PIECE_RECEIPT_INVALID",
      )
    const body = kit.shown(a, 1, { attempt: 0 })
    kit.append(nodeRevokedEntry(kit.root, kit.node(5)))
    expect(kit.say(kit.node(1), { kind: "pieces-shared", body })).toBe("PIECE_RECEIPT_HOLDER_WRONG")
    expect(share([b, c, d])).toBe("applied")
  })

  test("counts receipts by the holder's key at this place of the log, not by one of before", () => {
    const kit = new KitCustody("rekeyed holder", 3)
    kit.start(kit.node(1))
    const body = kit.shown(kit.node(1).path, 1, { attempt: 0 })
    kit.rekey(kit.node(2))
    expect(kit.say(kit.node(1), { kind: "pieces-shared", body })).toBe("PIECE_RECEIPT_INVALID")
    expect(kit.share(kit.node(1))).toBe("applied")
  })

  test("ends with its owner's membership, as do the pieces in its hands", () => {
    const kit = new KitCustody("ended", 4)
    kit.complete()
    const [a, d] = [kit.node(1), kit.node(4)]
    expect(findSharing(kit.custody, a.path, kitGeneration(1))?.held).toEqual([2, 3, 4])
    expect(piecesHeldBy(kit.custody, d.path).map(({ sharing }) => sharing.owner)).toEqual([1, 2, 3].map((each) => kit.node(each).path))
    kit.leave(d)
    expect(findSharing(kit.custody, a.path, kitGeneration(1))?.held).toEqual([2, 3])
    expect([findSharing(kit.custody, d.path, kitGeneration(1)), piecesHeldBy(kit.custody, d.path)]).toEqual([undefined, []])
    kit.join(d)
    expect(kit.share(d, 1)).toBe("KEY_GENERATION_FOREIGN")
    expect(kit.custody.members.get(d.path)?.wipedUpTo).toBe(1)
  })
})

describe("a redistribution", () => {
  /** Five members share in generation 1, all but the last in 2. */
  const before = (name: string): KitCustody => {
    const kit = new KitCustody(name, 5)
    kit.complete()
    kit.complete(4)
    return kit
  }

  test("is begun by another member of a complete generation in which the owner has no sharing, from one in which it has", () => {
    const kit = before("begun")
    const [a, d, e] = [kit.node(1), kit.node(4), kit.node(5)]
    expect(movableInto(kit.custody, kit.generation(2))).toMatchObject([{ owner: e.path, from: { generation: { generation: 1 } } }])
    expect(kit.beginMove(e, e, [1, 2])).toBe("REDISTRIBUTION_OWNER_WRONG")
    expect(kit.beginMove(a, kitChild(kit.root, "/nobody"), [1, 2])).toBe("REDISTRIBUTION_OWNER_WRONG")
    expect(kit.beginMove(a, d, [1, 2])).toBe("SHARING_DUPLICATE")
    expect(kit.beginMove(a, e, [1, 2], 2)).toBe("REDISTRIBUTION_ATTEMPT_WRONG")
    expect(kit.beginMove(a, e, [1, 2])).toBe("applied")
    expect(kit.beginMove(d, e, [1, 2], 1)).toBe("REDISTRIBUTION_ATTEMPT_WRONG")
    kit.start(a)
    expect(movableInto(kit.custody, kit.generation(3))).toEqual([])
    expect(kit.beginMove(a, e, [1, 3])).toBe("KEY_GENERATION_INCOMPLETE")
    for (const node of kit.nodes.slice(0, 4)) kit.share(node)
    expect(kit.beginMove(a, e, [2, 3])).toBe("SHARING_UNKNOWN")
    expect(kit.beginMove(a, e, [1, 3])).toBe("applied")
    kit.leave(e)
    expect(kit.beginMove(a, e, [1, 3])).toBe("REDISTRIBUTION_OWNER_WRONG")
  })

  test("ends with receipts that name its attempt, and the earlier generation with it", () => {
    const kit = before("ends")
    const [a, b, e] = [kit.node(1), kit.node(2), kit.node(5)]
    expect(kit.endMove(a, e, [1, 2])).toBe("REDISTRIBUTION_ATTEMPT_WRONG")
    kit.beginMove(a, e, [1, 2])
    expect(kit.endMove(b, e, [1, 2])).toBe("REDISTRIBUTION_ATTEMPT_WRONG")
    expect(kit.endMove(a, e, [1, 2], { attempt: 0 })).toBe("PIECE_RECEIPT_INVALID")
    expect(kit.endMove(a, e, [1, 2], { commitments: kitCommitments("another key", 3) })).toBe("STORAGE_KEY_WRONG")
    expect(kit.endMove(a, e, [1, 2], { holders: [a.path, b.path, e.path] })).toBe("PIECE_RECEIPT_HOLDER_WRONG")
    expect(kit.endMove(a, e, [1, 2])).toBe("applied")
    expect(findSharing(kit.custody, e.path, kitGeneration(2))).toMatchObject({ held: [1, 2, 3, 4], moved: { from: 1, by: a.path } })
    expect([...kit.custody.generations.values()].map(({ generation }) => generation)).toEqual([2])
    expect(kit.generation().attempts.size).toBe(0)
    expect(kit.endMove(a, e, [1, 2], { attempt: 1 })).toBe("SHARING_DUPLICATE")
    expect(kit.beginMove(a, e, [1, 2])).toBe("SHARING_DUPLICATE")
  })

  test("of two coordinators is that of the newest attempt; one that ended is nobody's", () => {
    const kit = before("coordinators")
    const [a, b, e] = [kit.node(1), kit.node(2), kit.node(5)]
    kit.beginMove(a, e, [1, 2])
    kit.beginMove(b, e, [1, 2])
    expect(kit.endMove(a, e, [1, 2])).toBe("REDISTRIBUTION_ATTEMPT_WRONG")
    kit.beginMove(a, e, [1, 2])
    expect(kit.endMove(a, e, [1, 2], { attempt: 1 })).toBe("PIECE_RECEIPT_INVALID")
    kit.append(nodeRevokedEntry(kit.root, a))
    expect(kit.append()).toEqual([])
    expect(kit.endMove(a, e, [1, 2])).toBe("AUTHOR_UNKNOWN")
    expect(kit.beginMove(b, e, [1, 2])).toBe("applied")
    expect(kit.endMove(b, e, [1, 2])).toBe("applied")
  })

  test("that has begun is not overtaken by its owner, which shares in the next generation", () => {
    const kit = before("overtaken")
    const [a, e] = [kit.node(1), kit.node(5)]
    const body = kit.shown(e.path, 2, { attempt: 0 })
    kit.beginMove(a, e, [1, 2])
    expect(kit.say(e, { kind: "pieces-shared", body })).toBe("SHARING_MOVING")
    expect(owersOf(kit.custody, kit.generation(2))).toMatchObject([{ member: { path: e.path }, attempt: { attempt: 1, by: a.path } }])
    kit.start(e)
    expect(kit.share(e)).toBe("applied")
  })
})

describe("a piece", () => {
  test("whose receipt came too late is told by its holder", () => {
    const kit = new KitCustody("held", 5)
    kit.start(kit.node(1))
    for (const owner of kit.nodes.slice(0, 3))
      kit.share(owner, 1, {
        holders: kit.nodes
          .filter(({ path }) => path !== owner.path)
          .slice(0, 3)
          .map(({ path }) => path),
      })
    const pieces = [1, 2, 3].map((number) => ({
      owner: kit.node(number).path,
      generation: kitGeneration(1),
      sharing: findSharing(kit.custody, kit.node(number).path, kitGeneration(1))?.id ?? kitBytes("none"),
    }))
    const last = kit.node(5)
    expect(kit.hold(kit.node(1), pieces.slice(0, 1))).toBe("PIECE_HELD_WRONG")
    expect(kit.hold(kit.node(2), pieces.slice(0, 1))).toBe("PIECE_HELD_WRONG")
    expect(
      kit.hold(
        last,
        pieces.map((piece) => ({ ...piece, generation: kitGeneration(2) })),
      ),
    ).toBe("KEY_GENERATION_UNKNOWN")
    expect(kit.hold(last, [{ owner: kit.node(4).path, generation: kitGeneration(1), sharing: kitBytes("x") }])).toBe("SHARING_UNKNOWN")
    expect(
      kit.hold(
        last,
        pieces.map((piece) => ({ ...piece, sharing: kitBytes("x") })),
      ),
    ).toBe("SHARING_UNKNOWN")
    expect(kit.hold(last, pieces)).toBe("applied")
    expect(kit.hold(last, pieces.slice(1))).toBe("PIECE_HELD_WRONG")
    expect(findSharing(kit.custody, kit.node(1).path, kitGeneration(1))?.held).toEqual([2, 3, 4, 5])
    const [sharing] = sharingsOf(kit.custody, kit.node(1).path)
    expect(sharing === undefined ? [] : holdersOf(kit.custody, sharing).map(({ member }) => member.path)).toEqual(
      kit.nodes.slice(1).map(({ path }) => path),
    )
  })

  test("that was wiped is held no more, and receipts of it do not count", () => {
    const kit = new KitCustody("wiped", 4)
    kit.complete()
    const d = kit.node(4)
    const id = findSharing(kit.custody, kit.node(1).path, kitGeneration(1))?.id ?? kitBytes("none")
    expect(kit.wipe(d, 2)).toBe("PIECES_WIPED_STALE")
    kit.join(d)
    expect(kit.wipe(d, 1)).toBe("applied")
    expect(kit.wipe(d, 1)).toBe("PIECES_WIPED_STALE")
    expect(findSharing(kit.custody, kit.node(1).path, kitGeneration(1))?.held).toEqual([2, 3])
    expect(kit.hold(d, [{ owner: kit.node(1).path, generation: kitGeneration(1), sharing: id }])).toBe("PIECE_HELD_WRONG")
    kit.start(d)
    expect(kit.wipe(d, 2)).toBe("applied")
    expect(kit.share(kit.node(1))).toBe("PIECE_RECEIPT_HOLDER_WRONG")
  })

  test("on a disk is kept while it counts or may, and then is wiped", () => {
    const kit = new KitCustody("on disk", 5)
    const [a, b] = [kit.node(1).path, kit.node(2).path]
    const of = (generation: number, sharing: Uint8Array, attempt = 0): StoredPieceReference => ({
      owner: a,
      generation: kitGeneration(generation),
      sharing,
      attempt,
    })
    const other = kitBytes("another sharing")
    expect(standingOfPiece(kit.custody, b, of(1, other))).toBe("pending")
    kit.start(kit.node(1))
    expect(standingOfPiece(kit.custody, b, of(1, other))).toBe("pending")
    expect(standingOfPiece(kit.custody, a, of(1, other))).toBe("over")
    kit.share(kit.node(1))
    const id = findSharing(kit.custody, a, kitGeneration(1))?.id ?? other
    expect([id, other].map((sharing) => standingOfPiece(kit.custody, b, of(1, sharing)))).toEqual(["standing", "over"])
    for (const number of [2, 3, 4, 5]) kit.share(kit.node(number))
    kit.start(kit.node(2))
    for (const number of [2, 3, 4, 5]) kit.share(kit.node(number))
    expect(standingOfPiece(kit.custody, b, of(2, other))).toBe("pending")
    kit.beginMove(kit.node(2), kit.node(1), [1, 2])
    expect([0, 1].map((attempt) => standingOfPiece(kit.custody, b, of(2, other, attempt)))).toEqual(["over", "pending"])
    expect(wipeableUpTo(kit.custody, b)).toBeUndefined()
    kit.endMove(kit.node(2), kit.node(1), [1, 2])
    expect([standingOfPiece(kit.custody, b, of(1, id)), wipeableUpTo(kit.custody, b)]).toEqual(["over", 1])
    kit.wipe(kit.node(2), 1)
    expect(wipeableUpTo(kit.custody, b)).toBeUndefined()
    kit.leave(kit.node(1))
    expect(standingOfPiece(kit.custody, b, of(2, id))).toBe("over")
    expect(wipeableUpTo(kit.custody, a)).toBeUndefined()
  })
})

describe("a root that stepped down", () => {
  test("ends custody: its nodes are members no more, and nothing of it is left", () => {
    const kit = new KitCustody("stepped down", 3)
    kit.complete()
    expect(kit.append(rootReplacedEntry(kit.root, kitRoot("successor")))).toEqual(["applied"])
    expect([kit.custody.members.size, kit.custody.generations.size]).toEqual([0, 0])
    expect(kit.join(kit.node(1))).toBe("CLUSTER_REPLACED")
    for (const verdict of [kit.leave(kit.node(1)), kit.wipe(kit.node(1), 1), kit.abort(kit.node(1), 1)])
      expect(verdict).toBe("MEMBER_UNKNOWN")
  })
})

describe("a log that is full", () => {
  test.each([
    ["custody-left", true],
    ["pieces-wiped", true],
    ["generation-aborted", true],
    ["custody-joined", false],
    ["generation-started", false],
    ["pieces-shared", false],
    ["redistribution-started", false],
    ["pieces-redistributed", false],
    ["pieces-held", false],
  ])("%s: taken is %s", (kind, taken) => expect(isRemoval(kind)).toBe(taken))
})
