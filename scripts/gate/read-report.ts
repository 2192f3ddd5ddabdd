import { readFileSync } from "node:fs"
import * as v from "valibot"

/** One file of tests in a report of vitest; times are milliseconds since 1970. */
export interface ReportedFile {
  readonly name: string
  readonly status: string
  readonly startTime: number
  readonly endTime: number
  readonly assertionResults: readonly { readonly status: string }[]
}

const reportShape: v.GenericSchema<unknown, { readonly testResults: readonly ReportedFile[] }> = v.object({
  testResults: v.array(
    v.object({
      name: v.string(),
      status: v.string(),
      startTime: v.number(),
      endTime: v.number(),
      assertionResults: v.array(v.object({ status: v.string() })),
    }),
  ),
})

/** The files of a JSON report of vitest; none, and a line that says why, when it cannot be read. */
export function readReport(file: string): readonly ReportedFile[] {
  try {
    return v.parse(reportShape, JSON.parse(readFileSync(file, "utf8"))).testResults
  } catch (error) {
    console.error(`no test report at ${file}: ${error instanceof Error ? error.message : String(error)}`)
    return []
  }
}
