import type { Step } from "./step.ts"

const tool = (name: string, command: readonly string[]): Step => ({ name, command })

function tests(name: string, filters: readonly string[] = []): Step {
  const report = `.cache/reports/${name}.json`
  const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`]
  return { name, report, command: ["node_modules/vitest/vitest.mjs", "run", "--project", name, ...filters, ...reporters] }
}

/** What needs no test runner, the longest first, so that none is left to run alone. */
export const staticSteps: readonly Step[] = [
  tool("unused code", ["node_modules/knip/bin/knip.js", "--no-progress"]),
  tool("types", ["node_modules/typescript/bin/tsc", "-b"]),
  tool("lint", ["node_modules/oxlint/bin/oxlint"]),
  tool("layers", ["scripts/check-layers.ts"]),
  tool("errors", ["scripts/generate-errors.ts", "--check"]),
  tool("protocols", ["scripts/generate-protocols.ts", "--check"]),
  tool("format", ["node_modules/oxfmt/bin/oxfmt", "--check", "."]),
  tool("documents", ["scripts/check-docs.ts"]),
]

/** The tests of core, which need nothing but a processor; pure code needs no process a file either. */
export const coreTests: Step = tests("unit", ["packages/core", "--no-isolate"])

/**
 * Every test, one kind after the other; but using a browser, killing processes for minutes, using them for minutes and breaking what is around them wait most of
 * the time, so these go beside another kind where there are two processors.
 */
export const allTests: readonly (readonly Step[])[] = [
  ["unit"],
  ["repository"],
  ["interop"],
  ["simulation"],
  ["faults", "fuzz", "console"],
  ["e2e", "crash"],
].map((names) => names.map((name) => tests(name)))
