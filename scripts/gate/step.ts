import type { ReportedFile } from "./read-report.ts"

/** One thing that `check` or `verify` finds out. */
export interface Step {
  readonly name: string
  /** Arguments of Node 24, the first one a file. */
  readonly command: readonly string[]
  /** How many processors it keeps busy, about; what waits more than it works counts as one. */
  readonly processors: number
  /** Where vitest writes its JSON report; without one, the step counts as one check that its exit status decides. */
  readonly report?: string
}

/** How many checks came to which end. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** A step that ended. */
export interface StepEnd {
  readonly name: string
  readonly counts: Counts
  readonly seconds: number
  /** The files of tests that it ran. */
  readonly files: readonly ReportedFile[]
}

/** The sum; what a whole run says. */
export function addCounts(all: readonly Counts[]): Counts {
  return all.reduce(
    (sum, next) => ({ passed: sum.passed + next.passed, failed: sum.failed + next.failed, skipped: sum.skipped + next.skipped }),
    { passed: 0, failed: 0, skipped: 0 },
  )
}
