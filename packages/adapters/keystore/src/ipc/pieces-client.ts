import { ok, type CborValue, type Result } from "@keygrove/base"
import type { CallOptions, PieceKeys, PieceRefusal } from "@keygrove/service"
import { labelCardValue, type DelegationAnswers } from "./delegation-messages.ts"
import type { PieceAnswers } from "./piece-messages.ts"
import { pieceValue, recipientsValue, sharingValue } from "./piece-values.ts"

type StartAnswers = DelegationAnswers & PieceAnswers

/** Sends one request about storage keys, pieces and a start by a label, and checks the shape of its answer. */
export type PieceExchange = <M extends keyof StartAnswers>(
  method: M,
  params: CborValue,
  options: CallOptions,
) => Promise<Result<StartAnswers[M], PieceRefusal>>

/** Storage keys and pieces as the daemon sees them, over the socket to the keystore process. */
export function pieceKeysOver(exchange: PieceExchange): PieceKeys {
  return {
    bootKeys: async (options) => await exchange("pieces.bootKeys", {}, options),
    slots: async (options) => await exchange("pieces.slots", {}, options),
    share: async ({ generation, recipients, threshold }, options) =>
      await exchange("pieces.share", { generation, threshold, recipients: recipientsValue(recipients) }, options),
    keepSlots: async (publicKeys, options) => await exchange("pieces.keepSlots", { publicKeys }, options),
    acceptPiece: async ({ index, ownerSigningKey, sealed, sharing }, options) =>
      await exchange("pieces.accept", { sharing: sharingValue(sharing), index, ownerSigningKey, sealed }, options),
    returnPiece: async ({ ownerSealingKey, request, ...piece }, options) =>
      await exchange("pieces.return", { ...pieceValue(piece), request, ownerSealingKey }, options),
    provePiece: async ({ challenge, ...piece }, options) => await exchange("pieces.prove", { ...pieceValue(piece), challenge }, options),
    subshare: async ({ recipients, threshold, to, ...piece }, options) =>
      await exchange("pieces.subshare", { ...pieceValue(piece), to, threshold, recipients: recipientsValue(recipients) }, options),
    combineSubpieces: async ({ contributions, from, index, threshold, to }, options) => {
      const given = contributions.map((each) => ({
        index: each.index,
        signingKey: each.signingKey,
        commitments: each.commitments,
        sealed: each.sealed,
      }))
      return await exchange("pieces.combine", { from: sharingValue(from), to, threshold, index, contributions: given }, options)
    },
    delegateStart: async (card, options) => await exchange("start.delegate", labelCardValue(card), options),
    delegatedStart: async (options) => {
      const answer = await exchange("start.delegated", {}, options)
      return answer.ok ? ok(answer.value.found ?? undefined) : answer
    },
    endDelegatedStart: async (options) => await exchange("start.end", {}, options),
  }
}
