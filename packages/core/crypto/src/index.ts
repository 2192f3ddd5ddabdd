export { ECDSA_SIGNATURE_BYTES, POINT_BYTES, SCALAR_BYTES, type Curve, type Point, type Scalar } from "./curve.ts"
export { createAead, type Cipher, type CipherCall } from "./aead.ts"
export { lagrangeAtIndices } from "./index-lagrange.ts"
export { lagrangeAtZero, powersOf, SecretPolynomial } from "./polynomial.ts"
export { deriveKey, deriveScalar, encodeInfo, type KeyInfo, type ScalarTools } from "./derive.ts"
export type { DeviceKey, VerifyDeviceSignature } from "./device-signature.ts"
export { isStrictEd25519Input } from "./ed25519-strict.ts"
export { cryptoErrors, type CryptoErrorCode } from "./errors.ts"
export { portableAesGcm, portableAesGcmSiv, portableXChaCha, portableXSalsa } from "./portable-aead.ts"
export type { Aead, Ed25519, Primitives, SuiteName, X25519 } from "./primitives.ts"
export {
  decodeSealedMessage,
  encodeSealedMessage,
  MAX_SEALED_MESSAGE_BYTES,
  sealedMessageInfo,
  sealedMessageRecipient,
  sealedMessageSigningInput,
  type SealedMessageContext,
} from "./sealed-message.ts"
export { STREAM_CHUNK_BYTES, STREAM_SEALED_CHUNK_BYTES, StreamOpener, StreamSealer, type StreamRefusal } from "./stream.ts"
export { randomScalar, type RandomScalarTools } from "./random-scalar.ts"
export { AEAD_KEY_BYTES, AEAD_TAG_BYTES, decodeSuite, DEFAULT_SUITE, SUITE_NAMES } from "./suites.ts"
