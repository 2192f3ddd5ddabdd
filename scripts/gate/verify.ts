import { printCounts, runSteps } from "./run-steps.ts"
import { allSteps } from "./steps.ts"

/** Everything, after scripts/verify.mjs has installed what it needs. */
const counts = await runSteps(allSteps)
printCounts(counts)
process.exitCode = counts.failed === 0 ? 0 : 1
