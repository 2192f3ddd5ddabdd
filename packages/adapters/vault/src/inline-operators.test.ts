import { operatorRunnerContract } from "../../../service/src/ports/operator-runner.contract.ts"
import { InlineOperators } from "./inline-operators.contract.ts"

operatorRunnerContract("where it is called", async () => await Promise.resolve(new InlineOperators()))
