import type { Result } from "@keygrove/base"
import type { LabelCard } from "@keygrove/reencryption"
import type { CallOptions } from "./call-options.ts"
import type { Keystore } from "./keystore.ts"
import type { PieceKeys, PieceRefusal } from "./piece-keys.ts"

/** A storage key that is sealed to a label of another node: whose, and the capsule with which its proxies are asked, 105 bytes. All of it is public. */
export interface DelegatedStart extends LabelCard {
  readonly capsule: Uint8Array
}

/** What an unlocked keystore does so that a grant of a label opens it when it starts (docs/protocol/delegated-start.md). */
export interface DelegatedStartKeys {
  /** Makes a fresh storage key, its slot, and what is sealed to the label, all at once, durably, and in the place of what there was. The storage key is wiped. Refuses `KEYSTORE_REQUEST_INVALID` when the label's key is not a point. */
  delegateStart(card: LabelCard, options: CallOptions): Promise<Result<DelegatedStart, PieceRefusal>>
  /** What there is now: a ceremony that changes the node while it is stopped takes it away. */
  delegatedStart(options: CallOptions): Promise<Result<DelegatedStart | undefined, PieceRefusal>>
  /** Wipes all of it. */
  endDelegatedStart(options: CallOptions): Promise<Result<true, PieceRefusal>>
}

/** What opens a locked keystore by a policy. */
export interface DelegatedUnlocking {
  /** Of {@link DelegatedStart.capsule}, as many as the policy needs, 381 bytes each, at most 30; verified inside. */
  readonly capsuleFragments: readonly Uint8Array[]
  /** The owner's, as the policy names it, 33 bytes. */
  readonly delegationKey: Uint8Array
}

/** What a locked keystore can do besides for a grant. */
export interface DelegatedStartUnlocking {
  /** Absent when no label opens it. */
  readonly delegatedStart?: DelegatedStart
  /**
   * Combines capsule fragments as the reader, and opens the keystore with the storage key that they give; the result takes this one's place. Refuses `DELEGATED_START_ABSENT`, `FRAGMENT_INVALID` with the place of the bad one in
   * `data.index`, `FRAGMENTS_INSUFFICIENT`, and `DELEGATED_START_INVALID` when they fit each other and give another key. When the signal fires meanwhile, the keystore ends.
   */
  unlockDelegated(order: DelegatedUnlocking, options: CallOptions): Promise<Result<Keystore & PieceKeys, PieceRefusal>>
}
