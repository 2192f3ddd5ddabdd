import { randomBytes } from "node:crypto"
import { Secret, unwrap } from "@keygrove/base"
import { nativeCurve as curve } from "@keygrove/curves-native"
import { combinePieces, decodePieceIndex, splitSecret, verifyPiece, type PieceIndex } from "@keygrove/pieces"
import { combine, split } from "shamir-secret-sharing"

/** Samples of each operation; all sides take turns, so that a slow moment of the machine slows all of them. */
const SAMPLES = 30
const SAMPLE_MS = 30
/** Which sample counts, from slow to fast: three quarters of the way, where other work on the machine disturbs little. */
const QUANTILE = 0.75

const SECRET_BYTES = 32
type Operation = () => unknown

interface Contest {
  readonly name: string
  readonly ours: Operation
  /** What the other package does for the same; it has no verification. */
  readonly rival?: Operation
  /** The multiplications of points that nothing of this kind can do without, and nothing else. */
  readonly limit: Operation
  /** Of the rival's speed and of the limit's, where they are owed. */
  readonly bars?: { readonly rival?: number; readonly limit: number }
}

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))
const tools = { curve, random }

/**
 * Verifiable sharing of one 32-byte key, against a package that shares bytes over GF(2⁸) and can verify nothing: it takes whatever comes and gives back something.
 * So its speed is a bar for splitting only; combining here names who lied, and the multiplications of points for that take as long as all that the other does.
 */
async function contestsFor(threshold: number, count: number): Promise<readonly Contest[]> {
  const indices = Array.from({ length: count }, (_each, place): PieceIndex => unwrap(decodePieceIndex(place + 1)))
  const secret = Secret.take(random(SECRET_BYTES))
  const order = { secret, threshold, indices }
  const { commitments, pieces } = unwrap(splitSecret(tools, order))
  const used = pieces.slice(count - threshold)
  const last = pieces.at(-1)
  if (last === undefined) throw new TypeError("no pieces")
  const bytes = random(SECRET_BYTES)
  const shares = (await split(bytes, count, threshold)).slice(count - threshold)
  const isLarge = threshold > 100
  const [point = curve.basePointTimesSecret(secret)] = commitments
  const factors = commitments.map(() => unwrap(curve.decodeScalar(random(SECRET_BYTES))))
  const small = unwrap(
    curve.decodeScalar(Uint8Array.from({ length: SECRET_BYTES }, (_each, at) => (at === SECRET_BYTES - 1 ? last.index : 0))),
  )
  const name = `${threshold} of ${count}`
  return [
    {
      name: `split ${name}`,
      ours: () => {
        for (const { value } of unwrap(splitSecret(tools, order)).pieces) value[Symbol.dispose]()
      },
      rival: () => split(bytes, count, threshold),
      limit: times(threshold, () => curve.basePointTimesSecret(secret)),
      ...(isLarge ? { bars: { rival: 1, limit: 0.45 } } : {}),
    },
    {
      name: `verify one of ${name}`,
      ours: () => verifyPiece(curve, commitments, last.index, last.value),
      limit: times(threshold - 1, () => curve.add(curve.multiplyPublic(point, small), point)),
      ...(isLarge ? { bars: { limit: 0.8 } } : {}),
    },
    {
      name: `verify and combine ${name}`,
      ours: () => unwrap(combinePieces(tools, commitments, used)).secret[Symbol.dispose](),
      rival: () => combine(shares),
      limit: () => commitments.map((commitment, k) => curve.multiplyPublic(commitment, factors[k] ?? small)),
      ...(isLarge ? { bars: { limit: 0.45 } } : {}),
    },
  ]
}

function times(count: number, operation: Operation): Operation {
  return () => {
    for (let done = 0; done < count; done++) operation()
  }
}

/** Operations a second of each, by samples taken in turns. */
async function measure(operations: readonly Operation[]): Promise<readonly number[]> {
  const rates = operations.map((): number[] => [])
  for (let sample = 0; sample <= SAMPLES; sample++) {
    for (const [index, operation] of operations.entries()) {
      const started = performance.now()
      let count = 0
      while (performance.now() - started < SAMPLE_MS) {
        await operation()
        count++
      }
      if (sample > 0) rates[index]?.push((count * 1000) / (performance.now() - started))
    }
  }
  return rates.map((each) => each.toSorted((a, b) => a - b)[Math.floor(each.length * QUANTILE)] ?? Number.NaN)
}

async function main(): Promise<number> {
  let failed = 0
  for (const { bars, limit, name, ours, rival } of [...(await contestsFor(128, 255)), ...(await contestsFor(3, 5))]) {
    const [own = 0, bound = 0, other] = await measure([ours, limit, ...(rival === undefined ? [] : [rival])])
    const met = bars === undefined || (own >= bars.limit * bound && (other === undefined || own >= (bars.rival ?? 0) * other))
    if (!met) failed++
    const against =
      other === undefined ? "" : `  shamir-secret-sharing ${other.toFixed(1).padStart(8)}/s ${(own / other).toFixed(2).padStart(6)}×`
    process.stdout.write(
      `${name.padEnd(28)} ${own.toFixed(1).padStart(8)}/s  of the multiplications ${(own / bound).toFixed(2)} (${bound.toFixed(1)}/s)${against}  ${bars === undefined ? "no bar" : met ? "met" : "MISSED"}\n`,
    )
  }
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
