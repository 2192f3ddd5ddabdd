import { afterAll } from "vitest"
import { pieceKeysContract } from "../../../service/src/ports/piece-keys.contract.ts"
import { ceremonyTools, makeCeremonyStage } from "./ceremony/ceremony-kit.contract.ts"
import { directPorts, TestHome } from "./piece-homes.contract.ts"

const stage = makeCeremonyStage()
afterAll(() => stage[Symbol.dispose]())

pieceKeysContract("in this process", {
  ...ceremonyTools,
  newHome: async () => await Promise.resolve(new TestHome(stage, directPorts)),
})
