import { ok, unreachable, type Result } from "@keygrove/base"
import { decodeNamedGeneration, decodePiecesWiped, encodeNamedGeneration, encodePiecesWiped } from "./statements/generation.ts"
import type { NamedGeneration, PiecesWiped } from "./statements/generation.ts"
import { decodeCustodyJoining, decodeCustodyLeaving, encodeCustodyJoining, encodeCustodyLeaving } from "./statements/membership.ts"
import type { CustodyJoining, CustodyLeaving } from "./statements/membership.ts"
import { decodePiecesHeld, encodePiecesHeld, type PiecesHeld } from "./statements/pieces-held.ts"
import {
  decodePiecesRedistributed,
  decodePiecesShared,
  decodeRedistributionStarted,
  encodePiecesRedistributed,
  encodePiecesShared,
  encodeRedistributionStarted,
  type PiecesRedistributed,
  type PiecesShared,
  type RedistributionStarted,
} from "./statements/sharing.ts"

/** What an entry of a ledger can say about custody, by kind. */
export type CustodyStatement =
  | { readonly kind: "custody-joined"; readonly body: CustodyJoining }
  | { readonly kind: "custody-left"; readonly body: CustodyLeaving }
  | { readonly kind: "generation-started"; readonly body: NamedGeneration }
  | { readonly kind: "generation-aborted"; readonly body: NamedGeneration }
  | { readonly kind: "pieces-shared"; readonly body: PiecesShared }
  | { readonly kind: "redistribution-started"; readonly body: RedistributionStarted }
  | { readonly kind: "pieces-redistributed"; readonly body: PiecesRedistributed }
  | { readonly kind: "pieces-held"; readonly body: PiecesHeld }
  | { readonly kind: "pieces-wiped"; readonly body: PiecesWiped }

export type CustodyKind = CustodyStatement["kind"]

/** Every kind, and whether it removes something: no limit blocks those. */
const kinds: Readonly<Record<CustodyKind, { readonly isRemoval: boolean }>> = {
  "custody-joined": { isRemoval: false },
  "custody-left": { isRemoval: true },
  "generation-started": { isRemoval: false },
  "generation-aborted": { isRemoval: true },
  "pieces-shared": { isRemoval: false },
  "redistribution-started": { isRemoval: false },
  "pieces-redistributed": { isRemoval: false },
  "pieces-held": { isRemoval: false },
  "pieces-wiped": { isRemoval: true },
}

/** Whether a kind is about custody. */
export function isCustodyKind(kind: string): kind is CustodyKind {
  return Object.hasOwn(kinds, kind)
}

/** Whether a statement is about custody. */
export function isCustodyStatement<Other extends { readonly kind: string }>(
  statement: Other | CustodyStatement,
): statement is CustodyStatement {
  return isCustodyKind(statement.kind)
}

/** Whether a kind about custody removes something. */
export function isCustodyRemoval(kind: string): boolean {
  return isCustodyKind(kind) && kinds[kind].isRemoval
}

/** The body's canonical bytes. */
export function encodeCustodyStatement(statement: CustodyStatement): Uint8Array {
  switch (statement.kind) {
    case "custody-joined":
      return encodeCustodyJoining(statement.body)
    case "custody-left":
      return encodeCustodyLeaving(statement.body)
    case "generation-started":
    case "generation-aborted":
      return encodeNamedGeneration(statement.body)
    case "pieces-shared":
      return encodePiecesShared(statement.body)
    case "redistribution-started":
      return encodeRedistributionStarted(statement.body)
    case "pieces-redistributed":
      return encodePiecesRedistributed(statement.body)
    case "pieces-held":
      return encodePiecesHeld(statement.body)
    case "pieces-wiped":
      return encodePiecesWiped(statement.body)
    default:
      return unreachable(statement)
  }
}

/** Decodes the body of a kind. */
export function decodeCustodyStatement(kind: CustodyKind, bytes: Uint8Array): Result<CustodyStatement, "STATEMENT_INVALID"> {
  switch (kind) {
    case "custody-joined":
      return withKind(decodeCustodyJoining(bytes), (body) => ({ kind, body }))
    case "custody-left":
      return withKind(decodeCustodyLeaving(bytes), (body) => ({ kind, body }))
    case "generation-started":
    case "generation-aborted":
      return withKind(decodeNamedGeneration(bytes), (body) => ({ kind, body }))
    case "pieces-shared":
      return withKind(decodePiecesShared(bytes), (body) => ({ kind, body }))
    case "redistribution-started":
      return withKind(decodeRedistributionStarted(bytes), (body) => ({ kind, body }))
    case "pieces-redistributed":
      return withKind(decodePiecesRedistributed(bytes), (body) => ({ kind, body }))
    case "pieces-held":
      return withKind(decodePiecesHeld(bytes), (body) => ({ kind, body }))
    case "pieces-wiped":
      return withKind(decodePiecesWiped(bytes), (body) => ({ kind, body }))
    default:
      return unreachable(kind)
  }
}

function withKind<T>(
  body: Result<T, "STATEMENT_INVALID">,
  wrap: (body: T) => CustodyStatement,
): Result<CustodyStatement, "STATEMENT_INVALID"> {
  return body.ok ? ok(wrap(body.value)) : body
}
