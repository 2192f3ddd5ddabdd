export { checkedTextLength, decodeCheckedText, encodeCheckedText } from "./checked-text.ts"
export {
  clusterIdOf,
  deriveAnchor,
  deriveChild,
  deriveEpoch,
  deriveEpochSecret,
  deriveReading,
  deriveRoot,
  deriveVault,
  epochKeys,
  expandEpoch,
  labelSecret,
  retireEpoch,
  type Anchor,
  type EpochSecrets,
  type ReadingSecrets,
  type VaultSecrets,
} from "./derivation.ts"
export { compressedPointShape, type EpochKeys } from "./epoch-keys.ts"
export { hierarchyErrors } from "./errors.ts"
export { decodeIdentity, encodeIdentity, type Identity } from "./identity.ts"
export {
  clusterBytes,
  decodeClusterBytes,
  decodeClusterId,
  decodeEpoch,
  decodeGeneration,
  decodeNodeName,
  decodeNodePath,
  decodeTimestamp,
  MAX_COUNTER,
  MAX_PATH_DEPTH,
  type ClusterId,
  type Epoch,
  type Generation,
  type NameRefusal,
  type NodeName,
  type NodePath,
  type Timestamp,
} from "./names.ts"
export { childPath, isBelow, isSameNode, parentPath, pathNames, ROOT_PATH, type NodeReference } from "./paths.ts"
export { rekeyExchangeBytes, rekeySecretContext, type NodePlace } from "./rekey-exchange.ts"
export { decodeRootUri, encodeRootUri, type RootFacts } from "./root-uri.ts"
export { decodeClusterStatement, encodeClusterStatement, type ClusterStatement } from "./statements/cluster.ts"
export { decodeNodeCertificate, encodeNodeCertificate, type NodeCertificate } from "./statements/node.ts"
export { decodeRekeyOrder, encodeRekeyOrder, type RekeyOrder } from "./statements/rekey-order.ts"
export {
  decodeRekeyStatement,
  encodeRekeyStatement,
  holdsSigningKey,
  makeRekey,
  noPreviousRekey,
  rekeyDigest,
  type RekeyStatement,
  type RekeySubject,
} from "./statements/rekey.ts"
export {
  decodeNodeRevocation,
  encodeNodeRevocation,
  type LogPosition,
  type NodeRevocation,
  type RevocationReason,
} from "./statements/revocation.ts"
export { decodeRootReplacement, encodeRootReplacement, type RootReplacement } from "./statements/root-replacement.ts"
export {
  decodeTrustRemoval,
  decodeTrustStatement,
  encodeTrustRemoval,
  encodeTrustStatement,
  MAX_CONTACT_ADDRESS_CHARACTERS,
  MAX_CONTACT_ADDRESSES,
  type TrustContact,
  type TrustRemoval,
  type TrustStatement,
} from "./statements/trust.ts"
