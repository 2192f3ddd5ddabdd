import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { expect, test } from "vitest"
import { canReadMemory, findInProcess } from "./process-memory.ts"

/** The two halves of a value as it is kept, and the beginning of it in limbs of 14 bits, as its polynomial is evaluated. */
function patternsOf(name: string, masked: string): readonly (readonly [string, Uint8Array])[] {
  const bytes = Buffer.from(Buffer.from(masked, "hex").map((byte) => byte ^ 0x5a))
  const value = BigInt(`0x${bytes.toString("hex")}`)
  const limbs = Buffer.from(Uint16Array.from({ length: 12 }, (_each, limb) => Number((value >> BigInt(14 * limb)) & 0x3fffn)).buffer)
  return [
    [`${name}, first half`, bytes.subarray(0, 16)],
    [`${name}, second half`, bytes.subarray(16)],
    [`${name}, limbs`, limbs],
  ]
}

test.runIf(canReadMemory)("nothing of a key, its polynomial and its pieces is left in memory once they are wiped", async () => {
  const script = new URL("./key-pieces.fixture.ts", import.meta.url).pathname
  const child = spawn(process.execPath, ["--no-warnings", script], { stdio: ["pipe", "pipe", "inherit"] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { coefficients, pieces, secret }: { secret: string; pieces: string[]; coefficients: string[] } = JSON.parse(
    (await lines.next()).value ?? "",
  )
  expect([pieces.length, coefficients.length]).toEqual([5, 2])
  const patterns = new Map([
    ...patternsOf("key", secret),
    ...pieces.flatMap((piece, place) => patternsOf(`piece ${place + 1}`, piece)),
    ...coefficients.flatMap((coefficient, degree) => patternsOf(`coefficient ${degree + 1}`, coefficient)),
  ])
  // The scan must find what is there before its finding nothing means anything. Of pieces there are no limbs yet.
  const planted = await findInProcess(child.pid ?? 0, patterns)
  expect(planted.toSorted()).toEqual([...patterns.keys()].filter((name) => !/^piece.*limbs$/.test(name)).toSorted())
  child.stdin.write("use\n")
  expect((await lines.next()).value).toBe("wiped")
  const left = await findInProcess(child.pid ?? 0, patterns)
  child.stdin.end("end\n")
  expect(left).toEqual([])
})
