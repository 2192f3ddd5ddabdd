import { describe } from "vitest"
import { primitivesContract } from "../../../core/crypto/src/primitives.contract.ts"
import { nativePrimitives } from "./primitives.ts"

describe("nativePrimitives", () => primitivesContract(nativePrimitives))
