import { ok, type CborValue, type Result } from "@keygrove/base"
import type { PieceKeys } from "@keygrove/service"
import { delegatedStartValue, type DelegationRequests } from "./delegation-messages.ts"
import type { PieceRequests } from "./piece-messages.ts"
import { bootKeysValue, preparedValue, slotsValue, subsharingValue } from "./piece-values.ts"

type StartRequests = DelegationRequests & PieceRequests
type PieceHandlers = {
  readonly [M in keyof StartRequests]: (
    served: { readonly keystore: PieceKeys },
    params: StartRequests[M],
    signal: AbortSignal,
  ) => Promise<Result<CborValue>>
}

/** Answers requests about storage keys, pieces and a start by a label: each is one call of the port. */
export const pieceHandlers: PieceHandlers = {
  "pieces.bootKeys": async ({ keystore }, _params, signal) => mapped(await keystore.bootKeys({ signal }), bootKeysValue),
  "pieces.slots": async ({ keystore }, _params, signal) => mapped(await keystore.slots({ signal }), slotsValue),
  "pieces.share": async ({ keystore }, params, signal) => mapped(await keystore.share(params, { signal }), preparedValue),
  "pieces.keepSlots": async ({ keystore }, { publicKeys }, signal) => await keystore.keepSlots(publicKeys, { signal }),
  "pieces.accept": async ({ keystore }, params, signal) => await keystore.acceptPiece(params, { signal }),
  "pieces.return": async ({ keystore }, params, signal) => await keystore.returnPiece(params, { signal }),
  "pieces.prove": async ({ keystore }, params, signal) => await keystore.provePiece(params, { signal }),
  "pieces.subshare": async ({ keystore }, params, signal) => mapped(await keystore.subshare(params, { signal }), subsharingValue),
  "pieces.combine": async ({ keystore }, params, signal) =>
    mapped(await keystore.combineSubpieces(params, { signal }), ({ commitments, stored }) => ({ stored, commitments })),
  "start.delegate": async ({ keystore }, params, signal) => mapped(await keystore.delegateStart(params, { signal }), delegatedStartValue),
  "start.delegated": async ({ keystore }, _params, signal) =>
    mapped(await keystore.delegatedStart({ signal }), (found) => ({ found: found === undefined ? null : delegatedStartValue(found) })),
  "start.end": async ({ keystore }, _params, signal) => await keystore.endDelegatedStart({ signal }),
}

function mapped<T>(answer: Result<T>, value: (from: T) => CborValue): Result<CborValue> {
  return answer.ok ? ok(value(answer.value)) : answer
}
