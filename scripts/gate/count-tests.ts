import type { ReportedFile } from "./read-report.ts"
import type { Counts } from "./step.ts"

/**
 * Counts what vitest reported. Whatever hides a failure counts as one: a file that did not load, an exit status that contradicts
 * the report, a missing report, and a run in which no test ran at all.
 */
export function countTests(files: readonly ReportedFile[], exitStatus: number): Counts {
  const statuses = files.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status))
  const passed = statuses.filter((status) => status === "passed").length
  const failedTests = statuses.filter((status) => status === "failed").length
  const brokenFiles = files.filter(
    (file) => file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed"),
  ).length
  const found = failedTests + brokenFiles
  const hidden = found === 0 && (exitStatus !== 0 || passed === 0) ? 1 : 0
  return { passed, failed: found + hidden, skipped: statuses.length - passed - failedTests }
}
