import { brandShape, bytesShape } from "@keygrove/base"
import type { Shape } from "@keygrove/base"
import * as v from "valibot"
import { decodeEpoch, type Epoch } from "./names.ts"

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

/** The fields of {@link EpochKeys} as statements carry them. */
export const epochKeysFields: {
  readonly epoch: Shape<Epoch>
  readonly signingKey: Shape<Uint8Array>
  readonly encryptionKey: Shape<Uint8Array>
  readonly sealingKey: Shape<Uint8Array>
  readonly delegationKey: Shape<Uint8Array>
} = {
  epoch: brandShape(decodeEpoch),
  signingKey: bytesShape(32),
  encryptionKey: compressedPointShape(),
  sealingKey: bytesShape(32),
  delegationKey: compressedPointShape(),
}

/** 33 bytes with the prefix of a compressed point; whether it lies on the curve is for whoever computes with it to check. */
export function compressedPointShape(): Shape<Uint8Array> {
  return v.pipe(
    bytesShape(33),
    v.check((bytes) => bytes[0] === 2 || bytes[0] === 3, "must be a compressed point (02 or 03 first)"),
  )
}
