import { unwrap } from "@keygrove/base"
import { afterAll } from "vitest"
import { contractOperators, operatorRunnerContract } from "../../../service/src/ports/operator-runner.contract.ts"
import { ModuleFolder } from "./operators.fixture.ts"

const folder = new ModuleFolder()
afterAll(() => folder[Symbol.dispose]())
const settings = contractOperators.map(({ body, ...spec }) =>
  folder.add(spec.name, `export const operate = (secret, input) => { ${body} }`, spec),
)

operatorRunnerContract("in threads", async () => unwrap(await folder.open(...settings)))
