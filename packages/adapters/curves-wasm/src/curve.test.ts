import { curveContract } from "../../../core/crypto/src/curve.contract.ts"
import { wasmCurve } from "./curve.ts"

curveContract(wasmCurve)
