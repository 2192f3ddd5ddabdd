export {
  decodeFileHeader,
  decodeFilePrefix,
  encodeFileHeader,
  FILE_PREFIX_BYTES,
  MAX_FILE_HEADER_BYTES,
  type FileHeader,
  type FileHeaderRefusal,
  type FilePrefixRefusal,
} from "./file/file-header.ts"
export { fileErrors, type FileErrorCode } from "./file/errors.ts"
export { deriveFileKey } from "./file/file-key.ts"
export { openChunkKey, SEALED_CHUNK_KEY_BYTES, sealChunkKey } from "./file/chunk-key.ts"
export { decodeLabelCard, encodeLabelCard, MAX_LABEL_CARD_CHARACTERS, type LabelCard } from "./file/label-card.ts"
export { decodeLabel, MAX_LABEL_BYTES, type Label } from "./file/label.ts"
export { MAX_ADDRESS_CHARACTERS, MAX_PROXY_ADDRESSES, MAX_PROXY_CAPACITY, MAX_SEALED_LABEL_BYTES, MAX_SHARES } from "./statements/limits.ts"
export { decodePolicyGrant, encodePolicyGrant, type PolicyGrant, type PolicyProxy } from "./statements/policy-granted.ts"
export { decodePolicyRevocation, encodePolicyRevocation, type PolicyRevocation } from "./statements/policy-revoked.ts"
export { decodeProxyTerms, encodeProxyTerms, type ProxyTerms } from "./statements/proxy-terms.ts"
export type { CapsuleFragmentKeys } from "./umbral/capsule-fragments.ts"
export { CAPSULE_BYTES, CAPSULE_FRAGMENT_BYTES, KEY_FRAGMENT_BYTES } from "./umbral/codec.ts"
export type { Encapsulation, ReencryptedOpening } from "./umbral/encapsulation.ts"
export { umbralErrors, type UmbralErrorCode } from "./umbral/errors.ts"
export type { FragmentGeneration, FragmentKeys } from "./umbral/key-fragments.ts"
export type { UmbralTools } from "./umbral/tools.ts"
export type { Capsule, CapsuleFragment, KeyFragment, VerifiedCapsuleFragment, VerifiedKeyFragment } from "./umbral/types.ts"
export { createUmbral, type Umbral } from "./umbral/umbral.ts"
export { hashToSecretScalar } from "./umbral/hashing.ts"
