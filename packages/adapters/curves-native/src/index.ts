export { nativeCurve } from "./curve.ts"
export { verifyDeviceSignature } from "./device-signature.ts"
export { nativePrimitives } from "./primitives.ts"
export { lockedSecretMemory, type LockedSecretMemoryOptions, type SecretMemoryWarning } from "./secret-memory.ts"
