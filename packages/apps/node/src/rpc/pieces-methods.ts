import type { ApiParams, PiecesApiParams, PiecesVerification, UnlockRequest } from "@keygrove/api"
import { ok, refuse, type Result } from "@keygrove/base"
import { decodeNodePath, type NodePath } from "@keygrove/hierarchy"
import { MIN_CUSTODY_MEMBERS } from "@keygrove/pieces"
import { verifyPieces, type CallOptions, type WaitingUnlock } from "@keygrove/service"
import { decodePcrs, evidenceOrder } from "./evidence-params.ts"
import { measureMachine } from "./measure-machine.ts"
import { membersOn } from "../runtime/members-on.ts"
import type { NodePieces } from "../runtime/open-pieces.ts"
import { piecesStatus } from "./pieces-facts.ts"

/** What the methods about key pieces work on. */
interface PiecesMethodContext {
  readonly runtime: { readonly pieces: NodePieces }
}

type Handler<M extends keyof PiecesApiParams> = (
  context: PiecesMethodContext,
  params: ApiParams[M],
  options: CallOptions,
) => Promise<Result<unknown>> | Result<unknown>

/** The methods about key pieces. */
export const piecesHandlers: { readonly [M in keyof PiecesApiParams]: Handler<M> } = {
  "pieces.join": async ({ runtime: { pieces } }, { unlock, ...params }, options) => {
    const { custody, self } = pieces.view()
    const evidence = evidenceOrder(params)
    if (!evidence.ok) return evidence
    const order = { unlock: unlock ?? custody.members.get(self.path)?.unlock ?? "auto", ...evidence.value }
    const joined = await pieces.membership.join(order, options)
    return joined.ok ? ok(piecesStatus(pieces, undefined)) : joined
  },
  "pieces.leave": async ({ runtime: { pieces } }, _params, options) => {
    const left = await pieces.membership.leave(options)
    return left.ok ? ok(piecesStatus(pieces, undefined)) : left
  },
  "pieces.status": async ({ runtime: { pieces } }, { ask = true }, options) =>
    ok(piecesStatus(pieces, ask ? await membersOn(pieces.context, pieces.view(), options) : undefined)),
  "pieces.verify": async ({ runtime: { pieces } }, _params, options) => await verify(pieces, options),
  "pieces.measure": async ({ runtime: { pieces } }, { pcrs }, options) => {
    const registers = decodePcrs(pcrs)
    return registers.ok ? await measureMachine(pieces, registers.value, options) : registers
  },
  "pieces.renew": ({ runtime: { pieces } }) => {
    const { custody, self } = pieces.view()
    if (!custody.members.has(self.path))
      return refuse("MEMBER_UNKNOWN", `${self.path} is no member; become one with \`keygrove pieces join\``)
    if (custody.members.size < MIN_CUSTODY_MEMBERS)
      return refuse(
        "KEY_GENERATION_MEMBERS_FEW",
        `there are ${custody.members.size} of the ${MIN_CUSTODY_MEMBERS} members that a key generation takes; run \`keygrove pieces join\` on another node`,
      )
    pieces.keeper.renew()
    return ok(piecesStatus(pieces, undefined))
  },
  "unlock.requests": ({ runtime: { pieces } }) => ok({ requests: pieces.desk.waiting().map(requestFacts) }),
  "unlock.approve": async ({ runtime: { pieces } }, { node, request }, options) => {
    const path = decodeNodePath(node)
    if (!path.ok) return path
    const digits = request === undefined ? onlyRequest(pieces.desk.waiting(), path.value) : ok(request)
    if (!digits.ok) return digits
    const approved = await pieces.desk.approve(path.value, digits.value, options)
    return approved.ok ? ok(requestFacts(approved.value)) : approved
  },
}

/** The request of a node that has only one. */
function onlyRequest(waiting: readonly WaitingUnlock[], owner: NodePath): Result<string> {
  const [only, ...others] = waiting.filter((each) => each.owner === owner)
  if (only === undefined)
    return refuse(
      "UNLOCK_REQUEST_UNKNOWN",
      `${owner} has not asked this node within the last 15 minutes; approve on a member that it names`,
    )
  if (others.length === 0) return ok(only.request)
  return refuse("UNLOCK_REQUEST_UNKNOWN", `${owner} asked ${others.length + 1} times; give the digits that it shows, with --request`)
}

function requestFacts({ approved, askedAt, owner, request }: WaitingUnlock): UnlockRequest {
  return { node: owner, request, askedAt, approved }
}

async function verify({ context, desk, keeper }: NodePieces, options: CallOptions): Promise<Result<PiecesVerification>> {
  const checks = await verifyPieces({ context, desk, liars: keeper.liars }, {}, options)
  if (!checks.ok) return checks
  return ok({
    pieces: checks.value.map(({ generation, holder, outcome, owner, reason }) => ({
      owner,
      holder,
      generation,
      state: outcome,
      reason: reason ?? null,
    })),
  })
}
