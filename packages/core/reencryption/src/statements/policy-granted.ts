import {
  brandShape,
  bytesShape,
  bytesWithinShape,
  compareBytes,
  decodeShape,
  encodeCanonical,
  integerShape,
  type CborValue,
  type Result,
} from "@keygrove/base"
import {
  clusterBytes,
  compressedPointShape,
  decodeClusterBytes,
  decodeEpoch,
  decodeNodePath,
  decodeTimestamp,
  type Epoch,
  type NodeReference,
  type Timestamp,
} from "@keygrove/hierarchy"
import * as v from "valibot"
import { MAX_SEALED_LABEL_BYTES, MAX_SHARES } from "./limits.ts"

/** A proxy of a policy and the fragment it was given. */
export interface PolicyProxy extends NodeReference {
  /** The node's Ed25519 signing key when the policy was granted, 32 bytes. */
  readonly signingKey: Uint8Array
  /** SHA-256 of its fragment, 32 bytes. */
  readonly fragmentDigest: Uint8Array
}

/** Grants a label to a reader. Signed by the owner's signing key; nothing in it is secret. */
export interface PolicyGrant {
  /** 32 random bytes, unique on the ledger for ever. */
  readonly policyId: Uint8Array
  /** The first policy of the same grant, 32 bytes, when this one gives the same reader the same label under another key of it. All policies of a grant end together. */
  readonly continues?: Uint8Array
  readonly scheme: "umbral"
  /** Epoch of the owner that the label key belongs to. */
  readonly epoch: Epoch
  /** The label's public key, 33 bytes. */
  readonly labelKey: Uint8Array
  /** The owner's key that verifies fragments, 33 bytes. */
  readonly delegationKey: Uint8Array
  readonly reader: {
    /** secp256k1, 33 bytes. */
    readonly encryptionKey: Uint8Array
    /** Ed25519, 32 bytes: signs the reader's requests. */
    readonly signingKey: Uint8Array
  }
  /** Fragments needed; 1 ≤ threshold ≤ number of proxies. */
  readonly threshold: number
  readonly expiresAt: Timestamp
  /** One distinct fragment each, no node twice; their number (≤ 30) is the number of shares. */
  readonly proxies: readonly PolicyProxy[]
  /** The label's name encrypted for the owner, so that a recovered owner can list its policies. */
  readonly sealedLabel?: Uint8Array
}

/** Longest encoded form in bytes: 30 proxies with the longest paths. */
export const MAX_POLICY_GRANT_BYTES = 16_384

const proxyShape = v.strictObject({
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  signingKey: bytesShape(32),
  fragmentDigest: bytesShape(32),
})

const shape = v.pipe(
  v.strictObject({
    policyId: bytesShape(32),
    continues: v.exactOptional(bytesShape(32)),
    scheme: v.literal("umbral"),
    epoch: brandShape(decodeEpoch),
    labelKey: compressedPointShape(),
    delegationKey: compressedPointShape(),
    reader: v.strictObject({ encryptionKey: compressedPointShape(), signingKey: bytesShape(32) }),
    threshold: integerShape(1, MAX_SHARES),
    expiresAt: brandShape(decodeTimestamp),
    proxies: v.pipe(
      v.array(proxyShape),
      v.minLength(1),
      v.maxLength(MAX_SHARES),
      v.check((proxies) => allDistinct(proxies), "must not name a node, key or fragment twice"),
    ),
    sealedLabel: v.exactOptional(bytesWithinShape(1, MAX_SEALED_LABEL_BYTES)),
  }),
  v.check((grant) => grant.threshold <= grant.proxies.length, "must not need more fragments than there are proxies"),
)

/** Canonical CBOR of the grant. */
export function encodePolicyGrant(grant: PolicyGrant): Uint8Array {
  const { policyId, continues, scheme, epoch, labelKey, delegationKey, reader, threshold, expiresAt, proxies, sealedLabel } = grant
  const value: Record<string, CborValue> = {
    policyId,
    scheme,
    epoch,
    labelKey,
    delegationKey,
    reader: { encryptionKey: reader.encryptionKey, signingKey: reader.signingKey },
    threshold,
    expiresAt,
    proxies: proxies.map(proxyValue),
  }
  if (continues !== undefined) value.continues = continues
  if (sealedLabel !== undefined) value.sealedLabel = sealedLabel
  return encodeCanonical(value)
}

/** Strict inverse of {@link encodePolicyGrant}. */
export function decodePolicyGrant(bytes: Uint8Array): Result<PolicyGrant, "STATEMENT_INVALID"> {
  return decodeShape(bytes, { shape, maxBytes: MAX_POLICY_GRANT_BYTES, code: "STATEMENT_INVALID", noun: "policy" })
}

function proxyValue(proxy: PolicyProxy): CborValue {
  return { cluster: clusterBytes(proxy.cluster), path: proxy.path, signingKey: proxy.signingKey, fragmentDigest: proxy.fragmentDigest }
}

function allDistinct(proxies: readonly PolicyProxy[]): boolean {
  return proxies.every((a, index) =>
    proxies
      .slice(index + 1)
      .every(
        (b) =>
          !(a.cluster === b.cluster && a.path === b.path) &&
          compareBytes(a.signingKey, b.signingKey) !== 0 &&
          compareBytes(a.fragmentDigest, b.fragmentDigest) !== 0,
      ),
  )
}
