import { printCounts, runSteps } from "./gate/run-steps.ts"
import { coreTests, staticSteps } from "./gate/steps.ts"

/** `npm run check`: the fast part of `npm run verify`, for every commit. */
const counts = await runSteps([coreTests, ...staticSteps])
printCounts(counts)
process.exitCode = counts.failed === 0 ? 0 : 1
