export { PublicKey, SecretKey, SecretKeyFactory, Signature, Signer } from "./umbral/keys.ts"
export { Capsule, CapsuleFrag, KeyFrag, VerifiedCapsuleFrag, VerifiedKeyFrag } from "./umbral/objects.ts"
export {
  decryptOriginal,
  decryptReencrypted,
  encrypt,
  generateKFrags,
  reencrypt,
  type DecryptionArguments,
  type GenerationArguments,
} from "./umbral/operations.ts"
