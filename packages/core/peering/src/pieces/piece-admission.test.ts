import { unwrap, type Result } from "@keygrove/base"
import { decodePieceIndex, unlockApprovalBytes } from "@keygrove/pieces"
import { describe, expect, test } from "vitest"
import { kitGeneration } from "../../../ledger/src/custody-kit.contract.ts"
import { kitBytes, kitPrimitives, nodeRevokedEntry, rekeyEntry } from "../../../ledger/src/ledger-kit.contract.ts"
import { bootKeyOf, commitmentsOf, keyOf, kitCustodyRoot, kitMembers, said, sharedBy, signedBy, viewAfter } from "./custody-kit.contract.ts"
import { admitContributions, admitMove, admitOffer, callingMember, judgeKept, type AdmittedMove } from "./piece-admission.ts"
import type { PieceRequest } from "./piece-requests.ts"
import { admitReturn, callingOwner, isApproved } from "./unlock-admission.ts"

const { a, b, c, stranger } = kitMembers
const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.code)
const sealed = kitBytes("sealed")
const [first, second, third] = [1, 2, 3].map((index) => unwrap(decodePieceIndex(index)))
if (first === undefined || second === undefined || third === undefined) throw new TypeError("three indices")

type Offer = Extract<PieceRequest, { readonly op: "offer" }>

/** What `/a` offers to `/b`. */
const offer: Offer = {
  op: "offer",
  generation: kitGeneration(1),
  commitments: commitmentsOf("one"),
  index: second,
  sender: keyOf(a),
  sealed,
}

describe("a piece is taken", () => {
  const judge = (more: Partial<Offer> = {}, from = keyOf(a), entries: readonly Uint8Array[] = [], self = b): string =>
    codeOf(admitOffer(kitPrimitives, viewAfter(self, ...entries), from, { ...offer, ...more }))

  test("of another member of an open key generation, with its own index and as many commitments as are needed", () => {
    expect(judge()).toBe("ok")
    expect(judge({ index: third })).toBe("PIECE_OFFER_INVALID")
    expect(judge({ commitments: [...commitmentsOf("one"), ...commitmentsOf("two")] })).toBe("PIECE_OFFER_INVALID")
    expect(judge({ generation: kitGeneration(2) })).toBe("KEY_GENERATION_UNKNOWN")
    expect(judge({}, keyOf(stranger))).toBe("MEMBER_UNKNOWN")
    expect(judge({}, bootKeyOf(a))).toBe("MEMBER_UNKNOWN")
    expect(judge({}, keyOf(b))).toBe("KEY_GENERATION_FOREIGN")
    expect(judge({}, keyOf(a), [], stranger)).toBe("KEY_GENERATION_FOREIGN")
  })

  test("under a key that the owner has or had, when its current one offers it", () => {
    expect(judge({ sender: keyOf(c) })).toBe("PIECE_OFFER_INVALID")
    const rekeyed = [rekeyEntry(a, 2)]
    expect(judge({}, keyOf(a), rekeyed)).toBe("MEMBER_UNKNOWN")
    const current = viewAfter(b, ...rekeyed)
      .state.clusters.get(a.cluster)
      ?.nodes.get(a.path)?.keys?.signingKey
    expect(judge({}, current, rekeyed)).toBe("ok")
  })

  test("of the sharing that stands and of no other, and of none that is aborted", () => {
    const { entry } = sharedBy(a, 1, "one")
    expect(judge({}, keyOf(a), [entry])).toBe("ok")
    expect(judge({ commitments: commitmentsOf("two") }, keyOf(a), [entry])).toBe("PIECE_CONFLICT")
    const aborted = said(c, { kind: "generation-aborted", body: { generation: kitGeneration(1) } })
    expect(judge({}, keyOf(a), [aborted])).toBe("KEY_GENERATION_UNKNOWN")
  })

  test("beside none that is kept, unless a newer attempt takes its place", () => {
    const piece = (name: string, attempt: number): { readonly sharing: Uint8Array; readonly attempt: number } => ({
      sharing: kitBytes(name),
      attempt,
    })
    expect(judgeKept(undefined, piece("one", 0))).toEqual({ ok: true, value: "take" })
    expect(judgeKept(piece("one", 0), piece("one", 0))).toEqual({ ok: true, value: "has" })
    expect(judgeKept(piece("one", 0), piece("two", 1))).toEqual({ ok: true, value: "take" })
    for (const [kept, sent] of [
      [piece("one", 0), piece("two", 0)],
      [piece("one", 1), piece("two", 1)],
      [piece("one", 2), piece("one", 1)],
      [piece("one", 1), piece("two", 0)],
    ] as const)
      expect(codeOf(judgeKept(kept, sent))).toBe("PIECE_CONFLICT")
  })
})

describe("a piece is given back", () => {
  const shared = sharedBy(a, 1, "one")
  const asked = { owner: a.path, generation: kitGeneration(1), sharing: shared.id }
  const judge = (more: Partial<typeof asked> = {}, from = bootKeyOf(a), entries: readonly Uint8Array[] = [shared.entry]): string =>
    codeOf(admitReturn(viewAfter(b, ...entries), from, { ...asked, ...more }))

  test("to the owner's boot key, of the sharing that stands", () => {
    expect(judge()).toBe("ok")
    for (const from of [bootKeyOf(c), keyOf(a), keyOf(c)]) expect(judge({}, from)).toBe("UNLOCK_NOT_OWNER")
    expect(judge({ sharing: kitBytes("another") })).toBe("UNLOCK_GENERATION")
    expect(judge({ generation: kitGeneration(2) })).toBe("UNLOCK_GENERATION")
    expect(judge({}, bootKeyOf(a), [])).toBe("UNLOCK_GENERATION")
    expect(judge({ owner: stranger.path }, bootKeyOf(stranger))).toBe("UNLOCK_NOT_OWNER")
  })

  test("to no owner that left, has another boot key now, or was revoked", () => {
    const left = said(a, { kind: "custody-left", body: { revision: 2 } })
    expect(judge({}, bootKeyOf(a), [shared.entry, left])).toBe("UNLOCK_NOT_OWNER")
    const keys = { bootSigningKey: bootKeyOf(stranger), bootSealingKey: kitBytes("another") }
    const moved = said(a, { kind: "custody-joined", body: { revision: 2, ...keys, unlock: "auto", addresses: [] } })
    expect(judge({}, bootKeyOf(a), [shared.entry, moved])).toBe("UNLOCK_NOT_OWNER")
    expect(judge({}, bootKeyOf(stranger), [shared.entry, moved])).toBe("ok")
    const revoked = nodeRevokedEntry(kitCustodyRoot, a)
    expect(judge({}, bootKeyOf(a), [shared.entry, revoked])).toBe("UNLOCK_REVOKED")
    expect(codeOf(callingOwner(viewAfter(b, revoked), bootKeyOf(a), a.path))).toBe("UNLOCK_REVOKED")
  })

  test("with the approval of another member for this request and boot key", () => {
    const view = viewAfter(c)
    const owner = view.custody.members.get(b.path)
    if (owner === undefined) throw new TypeError("/b is a member")
    const request = kitBytes("request")
    const message = unlockApprovalBytes({ cluster: b.cluster, owner: b.path, bootSigningKey: bootKeyOf(b), request })
    const judgeApproval = (approver = a, signer = approver, about = request): boolean =>
      isApproved(kitPrimitives, view, owner, {
        approvals: [{ approver: approver.path, signature: signedBy(signer, message) }],
        request: about,
      })
    expect(judgeApproval()).toBe(true)
    expect(judgeApproval(b)).toBe(false)
    expect(judgeApproval(stranger)).toBe(false)
    expect(judgeApproval(a, c)).toBe(false)
    expect(judgeApproval(a, a, kitBytes("another request"))).toBe(false)
    expect(isApproved(kitPrimitives, view, owner, { approvals: [], request })).toBe(false)
  })
})

describe("a sharing is moved", () => {
  // The second generation lacks the sharing of `/c`, which has one in the first.
  const [older, newer] = [sharedBy(c, 1, "c"), kitGeneration(2)]
  const complete = [sharedBy(a, 1, "a").entry, older.entry, said(a, { kind: "generation-started", body: { generation: newer } })]
  const second2 = [sharedBy(a, 2, "a 2").entry, sharedBy(b, 2, "b 2").entry]
  const started = said(a, {
    kind: "redistribution-started",
    body: { owner: c.path, generation: newer, from: kitGeneration(1), attempt: 1 },
  })
  const move = { owner: c.path, from: kitGeneration(1), generation: newer, attempt: 1 }

  /** The cluster needs other members for another generation, so the one that is asked for is refused; here somebody wanted fresh keys. */
  const view = (self = b, ...more: readonly Uint8Array[]): ReturnType<typeof viewAfter> => viewAfter(self, ...complete, ...second2, ...more)

  test("by who began the newest attempt, and nobody else", () => {
    expect(codeOf(admitMove(view(b, started), keyOf(a), move))).toBe("ok")
    expect(codeOf(admitMove(view(b), keyOf(a), move))).toBe("REDISTRIBUTION_ATTEMPT_WRONG")
    expect(codeOf(admitMove(view(a, started), keyOf(b), move))).toBe("REDISTRIBUTION_ATTEMPT_WRONG")
    expect(codeOf(admitMove(view(b, started), keyOf(a), { ...move, attempt: 2 }))).toBe("REDISTRIBUTION_ATTEMPT_WRONG")
    expect(codeOf(admitMove(view(b, started), keyOf(stranger), move))).toBe("MEMBER_UNKNOWN")
    expect(codeOf(admitMove(view(b, started), keyOf(a), { ...move, generation: kitGeneration(3) }))).toBe("KEY_GENERATION_UNKNOWN")
    expect(codeOf(admitMove(view(c, started), keyOf(a), move))).toBe("SHARING_UNKNOWN")
    const overtaken = said(b, {
      kind: "redistribution-started",
      body: { owner: c.path, generation: newer, from: kitGeneration(1), attempt: 2 },
    })
    expect(codeOf(admitMove(view(b, started, overtaken), keyOf(a), move))).toBe("REDISTRIBUTION_ATTEMPT_WRONG")
  })

  test("with what as many standing holders as are needed gave, each once", () => {
    const now = view(b, started)
    const admitted: AdmittedMove = unwrap(admitMove(now, keyOf(a), move))
    const given = { sender: keyOf(a), commitments: commitmentsOf("sub"), sealed }
    const good = [
      { ...given, index: first },
      { ...given, index: second, sender: keyOf(b) },
    ]
    expect(codeOf(admitContributions(now, admitted, good))).toBe("ok")
    for (const wrong of [
      good.slice(0, 1),
      [...good, { ...given, index: third, sender: keyOf(c) }],
      good.map((each) => ({ ...each, index: first })),
      good.map((each) => ({ ...each, sender: keyOf(c) })),
      good.map((each) => ({ ...each, commitments: [...each.commitments, ...each.commitments] })),
      good.map((each, place) => ({ ...each, index: unwrap(decodePieceIndex(place + 8)) })),
    ])
      expect(codeOf(admitContributions(now, admitted, wrong))).toBe("REDISTRIBUTION_CONTRIBUTIONS_WRONG")
  })
})

test("a boot key is no member's key", () => {
  expect(codeOf(callingMember(viewAfter(b), keyOf(a)))).toBe("ok")
  for (const key of [bootKeyOf(a), keyOf(stranger), kitBytes("nobody")])
    expect(codeOf(callingMember(viewAfter(b), key))).toBe("MEMBER_UNKNOWN")
})
