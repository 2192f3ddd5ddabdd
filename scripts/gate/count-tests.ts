import { readFileSync } from "node:fs"
import * as v from "valibot"
import type { Counts } from "./step.ts"

const reportShape = v.object({
  testResults: v.array(
    v.object({
      name: v.string(),
      status: v.string(),
      assertionResults: v.array(v.object({ status: v.string() })),
    }),
  ),
})

/**
 * Counts a vitest JSON report. Whatever hides a failure counts as one: a file that did not load, an exit status that contradicts
 * the report, a missing report, and a run in which no test ran at all.
 */
export function countTests(reportFile: string, exitStatus: number): Counts {
  const results = readReport(reportFile)
  const statuses = results.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status))
  const passed = statuses.filter((status) => status === "passed").length
  const failedTests = statuses.filter((status) => status === "failed").length
  const brokenFiles = results.filter(
    (file) => file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed"),
  ).length
  const found = failedTests + brokenFiles
  const hidden = found === 0 && (exitStatus !== 0 || passed === 0) ? 1 : 0
  return { passed, failed: found + hidden, skipped: statuses.length - passed - failedTests }
}

function readReport(file: string): v.InferOutput<typeof reportShape>["testResults"] {
  try {
    return v.parse(reportShape, JSON.parse(readFileSync(file, "utf8"))).testResults
  } catch (error) {
    console.error(`no test report at ${file}: ${error instanceof Error ? error.message : String(error)}`)
    return []
  }
}
