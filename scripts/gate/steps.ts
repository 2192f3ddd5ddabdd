import type { Step } from "./step.ts"

const tool = (name: string, command: readonly string[]): Step => ({ name, command, processors: 1 })

function tests(name: string, processors: number, filters: readonly string[] = []): Step {
  const report = `.cache/reports/${name}.json`
  const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`]
  return { name, processors, report, command: ["node_modules/vitest/vitest.mjs", "run", "--project", name, ...filters, ...reporters] }
}

/** What needs no test runner, the longest first, so that none is left to run alone. */
export const staticSteps: readonly Step[] = [
  tool("types", ["node_modules/typescript/bin/tsc", "-b"]),
  tool("lint", ["node_modules/oxlint/bin/oxlint"]),
  tool("unused code", ["node_modules/knip/bin/knip.js", "--no-progress"]),
  tool("layers", ["scripts/check-layers.ts"]),
  tool("errors", ["scripts/generate-errors.ts", "--check"]),
  tool("protocols", ["scripts/generate-protocols.ts", "--check"]),
  tool("format", ["node_modules/oxfmt/bin/oxfmt", "--check", "."]),
  tool("documents", ["scripts/check-docs.ts"]),
]

/** The tests of core, which need nothing but a processor. */
export const coreTests: Step = tests("unit", 2, ["packages/core"])

/**
 * Every check and every test. What takes minutes comes first, so that nothing long is left to run alone; what kills processes, starts a browser or breaks what is around
 * nodes waits about as much as it works, so it goes beside the rest ([why](../../docs/decisions/continuous-integration.md)).
 */
export const allSteps: readonly Step[] = [
  tests("e2e", 2),
  tests("crash", 1),
  tests("faults", 1),
  tests("unit", 2),
  tests("console", 1),
  tests("simulation", 2),
  tests("fuzz", 2),
  ...staticSteps,
  tests("interop", 1),
  tests("repository", 1),
]
