import { describe } from "vitest"
import { primitivesContract } from "../../../core/crypto/src/primitives.contract.ts"
import { portablePrimitives } from "./primitives.ts"

describe("portablePrimitives", () => primitivesContract(portablePrimitives))
