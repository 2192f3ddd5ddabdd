import type { Step } from "./step.ts"

/**
 * Runs every step, those that come first in the list first, as many at once as keep `processors` busy: one that finds no room lets smaller ones pass, and one that needs
 * more than there are runs alone. A step that fails stops no other.
 */
export async function runAll<Work extends Pick<Step, "processors">, End>(
  steps: readonly Work[],
  processors: number,
  run: (step: Work) => Promise<End>,
): Promise<readonly End[]> {
  const waiting = [...steps]
  const running = new Set<Promise<void>>()
  const ends: End[] = []
  let busy = 0
  while (waiting.length > 0 || running.size > 0) {
    const next = waiting.findIndex((step) => running.size === 0 || busy + step.processors <= processors)
    const [step] = next < 0 ? [] : waiting.splice(next, 1)
    if (step === undefined) {
      await Promise.race(running)
      continue
    }
    busy += step.processors
    const ending = run(step).then((end) => {
      ends.push(end)
      busy -= step.processors
      running.delete(ending)
    })
    running.add(ending)
  }
  return ends
}
