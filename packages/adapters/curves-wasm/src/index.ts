export { portablePrimitives } from "./primitives.ts"
