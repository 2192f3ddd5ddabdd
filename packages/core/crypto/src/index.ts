export { ECDSA_SIGNATURE_BYTES, POINT_BYTES, SCALAR_BYTES, type Curve, type Point, type Scalar } from "./curve.ts"
export type { Aead, Ed25519, Primitives, SuiteName, X25519 } from "./primitives.ts"
