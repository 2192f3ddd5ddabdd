import type { CborValue } from "@keygrove/base"
import { encodeInfo, type KeyInfo } from "@keygrove/crypto"
import { clusterBytes, type Epoch, type Generation } from "./names.ts"
import type { NodeReference } from "./paths.ts"

/** Where a node stands, without its keys: one epoch of one generation. */
export interface NodePlace extends NodeReference {
  readonly generation: Generation
  readonly epoch: Epoch
}

/**
 * What a running keystore signs with the signing key of its epoch, `place`, when it asks a ceremony for the next: the X25519 key (32 bytes) that this one exchange is sealed to.
 * No other message of the key has this domain.
 */
export function rekeyExchangeBytes(place: NodePlace, exchangeKey: Uint8Array): Uint8Array {
  return encodeInfo(["keygrove/v1/rekey-exchange", ...named(place), exchangeKey])
}

/** Context of the sealed message in which the secret of a new epoch, `place`, travels; its sender is the node's anchor, its recipient the key of the exchange. */
export function rekeySecretContext(place: NodePlace): KeyInfo {
  return ["keygrove/v1/rekey-secret", ...named(place)]
}

function named({ cluster, epoch, generation, path }: NodePlace): readonly CborValue[] {
  return [clusterBytes(cluster), path, generation, epoch]
}
