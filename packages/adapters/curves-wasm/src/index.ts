export { wasmCurve } from "./curve.ts"
export { portablePrimitives } from "./primitives.ts"
