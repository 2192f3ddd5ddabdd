import { relative } from "node:path"
import type { StepEnd } from "./step.ts"

/** Files that are worth a look. */
const SLOWEST_FILES = 10

/** Lines for whoever wants a run to be shorter: the steps and the slowest files of tests, longest first. */
export function whereTimeWent(ends: readonly StepEnd[], root: string): readonly string[] {
  const steps = ends.map(({ name, seconds }) => ({ name, seconds }))
  const files = ends.flatMap(({ files: reported }) =>
    reported.map(({ endTime, name, startTime }) => ({ name: relative(root, name), seconds: (endTime - startTime) / 1000 })),
  )
  return ["the steps, which go side by side:", ...longest(steps), "the slowest files:", ...longest(files).slice(0, SLOWEST_FILES)]
}

/** `12.3 s`, at the right of its column. */
export function secondsText(seconds: number): string {
  return `${seconds.toFixed(1)} s`.padStart(8)
}

function longest(all: readonly { readonly name: string; readonly seconds: number }[]): readonly string[] {
  return all.toSorted((a, b) => b.seconds - a.seconds).map(({ name, seconds }) => `${secondsText(seconds)}  ${name}`)
}
