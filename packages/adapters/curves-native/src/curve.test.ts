import { curveContract } from "../../../core/crypto/src/curve.contract.ts"
import { nativeCurve } from "./curve.ts"

curveContract(nativeCurve)
