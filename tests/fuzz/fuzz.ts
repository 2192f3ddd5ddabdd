import { setImmediate } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { expect } from "vitest"
import { dice, type Dice } from "./dice.ts"

/** Inputs of all fuzz tests together; more for a night, by the environment. */
const TOTAL = Number(process.env["KEYGROVE_FUZZ_INPUTS"] ?? "1000000")
/** What the parts of {@link fuzz} add up to. */
const PARTS = 100
const SEED = Number(process.env["KEYGROVE_SEED"] ?? "1")
/** What the heap may have more at the end of a run than after its first tenth: compiled code, not what inputs left behind. */
const MAX_GROWTH_BYTES = 12 * 1024 * 1024
/** Longest a test may take: a hundred times what its inputs need. */
export const FUZZ_TIMEOUT_MS: number = 120_000 + 4 * TOTAL
/** Inputs between two turns of the event loop, so that a run can time out and what is collected can be. */
const TURN = 2_000

export interface FuzzRun {
  /** For the message of a failure. */
  readonly name: string
  /** Hundredths of all inputs that go here. */
  readonly share: number
  /** Makes an input of its dice and gives it to what is tested; throws when something is wrong. */
  readonly once: (roll: Dice) => void | Promise<void>
  /** What one input costs, when it is more than a decoding: so many fewer are tried. */
  readonly cost?: number
}

/** How many inputs a run tries. */
function inputsOf({ cost = 1, share }: Pick<FuzzRun, "share" | "cost">): number {
  return Math.ceil((TOTAL * share) / PARTS / cost)
}

/** Tries inputs one after the other; a failure names the seed of its input. The heap must not grow with their number. */
export async function fuzz(run: FuzzRun): Promise<void> {
  const inputs = inputsOf(run)
  let settled = 0
  for (let input = 0; input < inputs; input++) {
    const seed = SEED * 1_000_003 + input
    try {
      const pending = run.once(dice(seed))
      if (pending !== undefined) await pending
    } catch (error) {
      throw new Error(`${run.name}: input ${input} of KEYGROVE_SEED=${SEED}`, { cause: error })
    }
    if (input % TURN === 0) await setImmediate()
    if (input === Math.floor(inputs / 10)) settled = heapBytes()
  }
  expect(heapBytes() - settled, `${run.name}: the heap grew`).toBeLessThan(MAX_GROWTH_BYTES)
}

/** Bytes of the heap and of buffers beside it, once everything that can be collected is. */
function heapBytes(): number {
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")
