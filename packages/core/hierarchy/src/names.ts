import type { Brand } from "@keygrove/base"

/** Path of a node in its cluster: `/laptop` or `/laptop/phone`; `/` is the root key itself. Segments: 1–32 of a-z 0-9 -, not starting or ending with `-`; depth ≤ 8. */
export type NodePath = Brand<string, "NodePath">
/** Counter the parent bumps to replace a child's node secret; from 1. */
export type Generation = Brand<number, "Generation">
/** Counter the node bumps to rekey itself; from 1. */
export type Epoch = Brand<number, "Epoch">
/** SHA-256 fingerprint of a cluster's root public key: 64 lower-case hex digits. */
export type ClusterId = Brand<string, "ClusterId">
/** Milliseconds since 1970 UTC, a safe integer. */
export type Timestamp = Brand<number, "Timestamp">

/** The public keys of one node in one epoch. All but the anchor change on rekey. */
export interface EpochKeys {
  readonly epoch: Epoch
  /** Ed25519, 32 bytes: signs statements, messages and the libp2p handshake (different domains); also the libp2p peer id. */
  readonly signingKey: Uint8Array
  /** secp256k1, 33 bytes: receives re-encrypted capsules (Umbral's receiving key). */
  readonly encryptionKey: Uint8Array
  /** X25519, 32 bytes: HPKE recipient of sealed messages. */
  readonly sealingKey: Uint8Array
  /** secp256k1, 33 bytes: verifies Umbral fragments this node generates (Umbral's verifying key). */
  readonly delegationKey: Uint8Array
}
