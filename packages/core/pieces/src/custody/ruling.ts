import type { Primitives } from "@keygrove/crypto"
import type { ClusterId, NodePath } from "@keygrove/hierarchy"
import type { CustodyState } from "./state.ts"

/** Why a statement about custody has no effect. */
export type CustodyVoidReason =
  | "MEMBER_UNKNOWN"
  | "MEMBER_REVISION_STALE"
  | "MEMBER_LIMIT"
  | "BOOT_KEY_REUSED"
  | "KEY_GENERATION_NUMBER_WRONG"
  | "KEY_GENERATION_MEMBERS_FEW"
  | "KEY_GENERATION_STARTING"
  | "KEY_GENERATION_LIMIT"
  | "KEY_GENERATION_UNKNOWN"
  | "KEY_GENERATION_COMPLETE"
  | "KEY_GENERATION_INCOMPLETE"
  | "KEY_GENERATION_FOREIGN"
  | "SHARING_DUPLICATE"
  | "SHARING_MOVING"
  | "SHARING_UNKNOWN"
  | "SHARING_THRESHOLD_WRONG"
  | "STORAGE_KEY_REUSED"
  | "STORAGE_KEY_WRONG"
  | "REDISTRIBUTION_OWNER_WRONG"
  | "REDISTRIBUTION_ATTEMPT_WRONG"
  | "PIECE_RECEIPTS_FEW"
  | "PIECE_RECEIPT_HOLDER_WRONG"
  | "PIECE_RECEIPT_INVALID"
  | "PIECE_HELD_WRONG"
  | "PIECES_WIPED_STALE"

/** What became of a statement: the state after it, or why there is no other. */
export type CustodyRuling = { readonly custody: CustodyState } | { readonly reason: CustodyVoidReason }

/** A statement's body in its place on the ledger. Its author stands and signed with its current signing key. */
export interface PlacedCustody<Body> {
  readonly cluster: ClusterId
  readonly author: NodePath
  /** Of the entry, from 0. */
  readonly index: number
  readonly body: Body
}

/** What rules need beside custody. */
export interface CustodyTools {
  readonly primitives: Pick<Primitives, "sha256" | "ed25519">
  /** The current signing key, 32 bytes, of a node of the cluster; `undefined` when there is none. */
  readonly signingKeyOf: (path: NodePath) => Uint8Array | undefined
}

/** The statement had its effect. */
export function granted(custody: CustodyState): CustodyRuling {
  return { custody }
}

/** The statement is void. */
export function denied(reason: CustodyVoidReason): CustodyRuling {
  return { reason }
}
