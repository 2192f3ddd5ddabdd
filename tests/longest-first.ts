import { BaseSequencer, type TestSpecification } from "vitest/node"

/** Files that take long, the longest first, as the end of `npm run verify` tells; whatever comes after them fills the rest of the time on both processors. */
export const LONGEST: readonly string[] = [
  "e2e/cli-transcripts",
  "e2e/node-recover",
  "e2e/quickstart",
  "e2e/memory/every-source",
  "e2e/memory/piece-daemon",
  "e2e/node/lifecycle",
  "e2e/cli-refusals",
  "e2e/memory/named-keys",
  "e2e/key-pieces",
  "e2e/root-rekey",
]

/** Begins with the files that take longest: begun last, each would be left to run alone. A clean clone has no times of its own, so these are written down. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files)
    return others.toSorted((a, b) => rank(a) - rank(b))
  }
}

function rank({ moduleId }: TestSpecification): number {
  const place = LONGEST.findIndex((name) => moduleId.endsWith(`tests/${name}.test.ts`))
  return place < 0 ? LONGEST.length : place
}
