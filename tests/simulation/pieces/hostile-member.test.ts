import { unwrap } from "@keygrove/base"
import { decodePieceAnswer, encodePieceRequest, type PieceRequest } from "@keygrove/peering"
import { decodePieceIndex, sharingsOf } from "@keygrove/pieces"
import { systemRandom } from "@keygrove/system"
import { expect, test } from "vitest"
import { call } from "../member.ts"
import { grown, kept, machineOf, reopen } from "./grown.ts"

test("a member that asks for what is not its own gets nothing, and changes nothing", async () => {
  await using world = await grown("hostile", "abcd")
  const [hostile, victim, asked] = [machineOf(world, "d"), machineOf(world, "a"), machineOf(world, "b")]
  const placed = sharingsOf(world.custody, victim.path)[0]
  const own = sharingsOf(world.custody, hostile.path)[0]
  if (placed === undefined || own === undefined) throw new TypeError("everybody has shared")
  const { generation } = placed.generation
  const { commitments, id: sharing } = placed.sharing
  const request = systemRandom(32)
  const key = hostile.context.keystore.identity().keys.signingKey
  const contributions = own.sharing.held.map((index) => ({ index, sender: key, commitments, sealed: request }))
  const index = unwrap(decodePieceIndex(3))
  const attempts: readonly (readonly [PieceRequest, string])[] = [
    [{ op: "return", owner: victim.path, generation, sharing, request, approvals: [] }, "UNLOCK_NOT_OWNER"],
    [{ op: "return", owner: hostile.path, generation, sharing: own.sharing.id, request, approvals: [] }, "UNLOCK_NOT_OWNER"],
    [{ op: "approvals", owner: victim.path, request }, "UNLOCK_NOT_OWNER"],
    [{ op: "subshare", owner: victim.path, from: generation, generation, attempt: 1 }, "REDISTRIBUTION_ATTEMPT_WRONG"],
    [{ op: "redistribute", owner: victim.path, from: generation, generation, attempt: 1, contributions }, "REDISTRIBUTION_ATTEMPT_WRONG"],
    [{ op: "prove", owner: victim.path, generation, sharing: request, challenge: request }, "PIECE_UNKNOWN"],
    [{ op: "offer", generation, commitments, index: unwrap(decodePieceIndex(2)), sender: key, sealed: request }, "PIECE_CONFLICT"],
    [{ op: "offer", generation, commitments, index, sender: key, sealed: request }, "PIECE_OFFER_INVALID"],
  ]
  const before = kept(asked)
  const peer = { signingKey: asked.context.keystore.identity().keys.signingKey, addresses: [] }
  for (const [wish, code] of attempts) {
    const answer = unwrap(
      decodePieceAnswer(unwrap(await hostile.context.transport.request(peer, "pieces", encodePieceRequest(wish), call))),
    )
    expect(answer, wish.op).toMatchObject({ kind: "refused", code })
  }
  const garbage = unwrap(await hostile.context.transport.request(peer, "pieces", request, call))
  expect(unwrap(decodePieceAnswer(garbage))).toMatchObject({ kind: "refused", code: "PIECES_MESSAGE_INVALID" })
  expect(kept(asked)).toEqual(before)
  expect(await reopen(world, victim)).toMatchObject({ code: "unlocked" })
})
