import type { Refusal, Result } from "@keygrove/base"
import type { ClusterId, Epoch, EpochKeys, Generation, NodePath, NodePlace } from "@keygrove/hierarchy"
import type { CallOptions } from "./call-options.ts"

/** What a node may tell anyone about itself. */
export interface NodeIdentity {
  readonly cluster: ClusterId
  readonly path: NodePath
  readonly generation: Generation
  /** Ed25519, 32 bytes, certified by the parent; signs rekey statements only. */
  readonly anchorKey: Uint8Array
  readonly keys: EpochKeys
  /** What it was below roots that were replaced, the newest first, with the last epoch of each; at most 16. What was made for those is opened, and nothing is signed as one of them. */
  readonly predecessors: readonly NodePlace[]
}

/**
 * What the node's Ed25519 signing key may sign. The keystore checks the domain of every message itself:
 * `handshake` only libp2p's Noise and peer-record payloads, `statement` only ledger entries, `message` only reader requests, receipts and other peer messages.
 */
export type SigningPurpose = "handshake" | "statement" | "message"

/** A label key pair is named by the label and its owner: this node in the current epoch, in any of the 1,023 before it, or as one of its predecessors. */
export interface LabelKeyName {
  /** Of the predecessor that owns it; absent for the node as it is now. */
  readonly cluster?: ClusterId
  /** 1–128 bytes of UTF-8, see `decodeLabel` of core/reencryption. */
  readonly label: string
  readonly epoch: Epoch
}

/** Where one fragment goes. */
export interface FragmentRecipient {
  readonly signingKey: Uint8Array
  readonly sealingKey: Uint8Array
}

export interface FragmentOrder extends LabelKeyName {
  /** 32 bytes. */
  readonly policyId: Uint8Array
  /** The reader's secp256k1 key, 33 bytes. */
  readonly readerKey: Uint8Array
  readonly threshold: number
  /** One distinct fragment each; their number is the number of shares. */
  readonly recipients: readonly FragmentRecipient[]
}

/** A fragment on its way: sealed to the proxy and signed by the owner (core/crypto sealed message), and the SHA-256 of the fragment it holds. */
export interface SealedFragment {
  readonly sealed: Uint8Array
  readonly digest: Uint8Array
}

export interface FragmentAcceptance {
  readonly policyId: Uint8Array
  readonly sealed: Uint8Array
  /** The owner's signing, delegation and label keys, and the reader's key, as the policy names them. */
  readonly ownerSigningKey: Uint8Array
  readonly delegationKey: Uint8Array
  readonly labelKey: Uint8Array
  readonly readerKey: Uint8Array
}

export interface ReencryptionOrder {
  readonly policyId: Uint8Array
  /** The fragment as {@link Keystore.acceptFragment} returned it. */
  readonly stored: Uint8Array
  /** Umbral capsule, 105 bytes. */
  readonly capsule: Uint8Array
}

export interface ReencryptedOpening {
  readonly capsule: Uint8Array
  /** At least the threshold, each 381 bytes; verified again inside. */
  readonly capsuleFragments: readonly Uint8Array[]
  readonly labelKey: Uint8Array
  readonly delegationKey: Uint8Array
  /** The reader's key as the policy names it, 33 bytes: the encryption key of this node in the current epoch or an earlier one. */
  readonly readerKey: Uint8Array
  /** SHA-256 of the file header; binds the file key to it. 32 bytes. */
  readonly headerDigest: Uint8Array
  /** X25519 key of the caller, 32 bytes: the file key leaves the keystore only sealed to it. */
  readonly recipientKey: Uint8Array
}

export interface OriginalOpening extends LabelKeyName {
  /** Umbral capsule, 105 bytes. */
  readonly capsule: Uint8Array
  readonly headerDigest: Uint8Array
  readonly recipientKey: Uint8Array
}

/** What a running keystore asks a ceremony with for its next epoch: a key for this one exchange, in the name of the current epoch. */
export interface RekeyExchange {
  /** X25519, 32 bytes. Its secret is in the keystore's memory only, until the exchange ends, another begins, or the keystore locks. */
  readonly exchangeKey: Uint8Array
  /** Ed25519 by the current signing key over `rekeyExchangeBytes` of core/hierarchy, 64 bytes. */
  readonly signature: Uint8Array
}

/** What the ceremony answers. Public, or sealed past whoever carries it. */
export interface PreparedRekey {
  /** Encoded ledger entry: the `rekey` statement of the next epoch, signed by the node's anchor. */
  readonly entry: Uint8Array
  /** Sealed message (core/crypto) from the anchor to the key of the exchange, with the secret of the next epoch. */
  readonly sealed: Uint8Array
}

/** An epoch that is prepared; it counts when the ledger has its statement. */
export interface PendingRekey {
  readonly keys: EpochKeys
  /** Encoded ledger entry, as in {@link PreparedRekey}. */
  readonly entry: Uint8Array
}

export type KeystoreRefusal =
  | "KEYSTORE_LOCKED"
  | "KEYSTORE_GONE"
  | "KEYSTORE_BUSY"
  | "KEYSTORE_REQUEST_INVALID"
  | "SEALED_MESSAGE_INVALID"
  | "CAPSULE_INVALID"
  | "FRAGMENT_INVALID"
  | "FRAGMENTS_INSUFFICIENT"
  | "REKEY_PENDING"
  | "REKEY_NOT_PENDING"
  | "REKEY_EXCHANGE_INVALID"
  | "REKEY_EPOCHS_EXHAUSTED"

/**
 * The one place of a node that is responsible for secrets; in production a process of its own. No call returns a
 * long-term secret. What was made in earlier epochs of the node is served too, so that rekeying loses nothing. A file key (32 bytes, good for one file) is the only key material that leaves, sealed to whoever asked, so that the daemon in between sees no secret.
 */
export interface Keystore extends AsyncDisposable {
  /** Whether secrets are at hand; the identity is public and readable while locked. */
  state(): "unlocked" | "locked" | "gone"
  /** Who the node is now: its keys are others after {@link Keystore.finishRekey}, so whoever composes a message asks again for each. */
  identity(): NodeIdentity
  /** The next epoch, when a ceremony prepared it: in this run, or in an earlier one, whose statement may or may not be on the ledger. */
  pendingRekey(): PendingRekey | undefined
  /** Calls `listener`, which must not throw, each time that {@link Keystore.identity} has become another, with the new one; until disposed of. */
  onRekey(listener: (identity: NodeIdentity) => void): Disposable
  /** Begins an exchange with a ceremony; one that was begun before ends. Refuses `REKEY_PENDING` and, in the last epoch that a keystore can keep at hand, `REKEY_EPOCHS_EXHAUSTED`. */
  beginRekey(options: CallOptions): Promise<Result<RekeyExchange, KeystoreRefusal>>
  /** Takes what the ceremony prepared, which is pending from then on. Refuses `REKEY_EXCHANGE_INVALID` what is not by this node's anchor, for its next epoch and in this exchange. */
  acceptRekey(prepared: PreparedRekey, options: CallOptions): Promise<Result<PendingRekey, KeystoreRefusal>>
  /**
   * Goes on to the pending epoch, when the ledger has its statement: waits for the calls under way, keeps what opens of the current epoch, wipes what signs. Calls that come
   * meanwhile are done in the new epoch.
   */
  finishRekey(options: CallOptions): Promise<Result<NodeIdentity, KeystoreRefusal>>
  /** Signs with the node's Ed25519 signing key; 64 bytes. */
  sign(purpose: SigningPurpose, message: Uint8Array, options: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>>
  /** The label's secp256k1 public key, 33 bytes. */
  labelPublicKey(name: LabelKeyName, options: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>>
  /** Opens the owner's own capsule; returns the file key sealed to `recipientKey` (HPKE base, info "keygrove/v1/file-key-release"; 32 + 48 bytes). */
  openOriginal(opening: OriginalOpening, options: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>>
  /** Generates the fragments of a policy, each sealed to its proxy. */
  generateFragments(order: FragmentOrder, options: CallOptions): Promise<Result<readonly SealedFragment[], KeystoreRefusal>>
  /** Opens and checks a fragment sent to this proxy, under its sealing key of any epoch, and seals it again under the current storage key, bound to the policy. */
  acceptFragment(
    acceptance: FragmentAcceptance,
    options: CallOptions,
  ): Promise<Result<{ readonly stored: Uint8Array; readonly digest: Uint8Array }, KeystoreRefusal>>
  /** Re-encrypts a capsule with a stored fragment; returns the capsule fragment, 381 bytes. */
  reencrypt(order: ReencryptionOrder, options: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>>
  /** Combines capsule fragments as the reader; returns the file key sealed to `recipientKey` as {@link Keystore.openOriginal} does. Names the liar in `data.index` when a fragment is bad. */
  openReencrypted(opening: ReencryptedOpening, options: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>>
  /** Wipes every secret and ends the keystore process. */
  lock(options: CallOptions): Promise<Result<true, Refusal["code"]>>
}
