import { randomFillSync } from "node:crypto"
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { startGrove, type Grove } from "../packages/apps/cli/src/grove/grove.ts"
import { expectKeygrove } from "../packages/apps/cli/src/grove/keygrove-process.ts"
import { buildPrograms, median, run, timed } from "./programs.ts"

/** Runs of each side; they take turns, so that a slow moment of the machine slows both. */
const ROUNDS = 5
/** How many times age's speed is owed for encryption into a file that is on the disk in the end; age alone leaves it in memory. */
const BAR = 2
const MAX_PEAK_MIB = 250

interface World {
  readonly entry: string
  readonly grove: Grove
  readonly home: string
  readonly mebibytes: number
  /** AES-256-GCM in MiB/s on one core. */
  readonly limit: number
  readonly path: (name: string) => string
}

interface Contest {
  readonly name: string
  /** Arguments of age before the output's. */
  readonly age: readonly string[]
  readonly ours: readonly string[]
  readonly output: string
  readonly bar?: number
}

const { values } = parseArgs({ options: { size: { type: "string", default: "1024" } } })
process.exitCode = await main(Number(values.size))

/** Both programs from start to exit on the same random file; `keygrove` with its node running, as a person would have it. */
async function main(mebibytes: number): Promise<number> {
  if (!Number.isSafeInteger(mebibytes) || mebibytes < 1) throw new RangeError("--size is a number of MiB from 1")
  const entry = buildPrograms()
  await using grove = await startGrove({ nodes: ["laptop"], readers: [], proxies: [], entry }, new AbortController().signal)
  const path = (name: string): string => join(grove.directory, name)
  const world: World = { entry, grove, home: grove.member("laptop").home, mebibytes, limit: opensslRate(), path }
  makeInput(path("input"), mebibytes)
  run("age-keygen", ["-o", path("identity")])
  const recipient = /age1[a-z0-9]+/.exec(readFileSync(path("identity"), "utf8"))?.[0] ?? ""
  print(
    `${mebibytes} MiB of random bytes, median of ${ROUNDS} runs; what keygrove writes is on the disk when it ends, what age writes is not`,
  )
  print(
    `limits: AES-256-GCM by openssl speed ${world.limit.toFixed(0)} MiB/s on one core; the disk ${diskRate(path("disk"), mebibytes).toFixed(0)} MiB/s`,
  )
  const sealed = path("sealed.kg")
  const encrypt = ["encrypt", path("input"), "--label", "bench"]
  const peakMebibytes = await firstRun(world, [...encrypt, "-o", sealed])
  run("age", ["-r", recipient, "-o", path("sealed.age"), path("input")])
  const contests: readonly Contest[] = [
    { name: "encrypt", age: ["-r", recipient], ours: encrypt, output: path("output"), bar: BAR },
    { name: "encrypt to /dev/null", age: ["-r", recipient], ours: encrypt, output: "/dev/null" },
    { name: "decrypt", age: ["-d", "-i", path("identity")], ours: ["decrypt", sealed], output: path("output") },
    { name: "decrypt to /dev/null", age: ["-d", "-i", path("identity")], ours: ["decrypt", sealed], output: "/dev/null" },
  ]
  const met = contests.map((contest) => compete(contest, world))
  const small = peakMebibytes < MAX_PEAK_MIB
  print(`peak memory of any process ${peakMebibytes.toFixed(0)} MiB (bar ${MAX_PEAK_MIB})  ${small ? "met" : "MISSED"}`)
  return small && met.every(Boolean) ? 0 : 1
}

/** Runs a command once, which also warms the caches; the highest memory of any process meanwhile, in MiB. */
async function firstRun({ entry, grove, home }: World, args: readonly string[]): Promise<number> {
  const { peakBytes } = await expectKeygrove(args, { home, entry, signal: new AbortController().signal })
  return Math.max(peakBytes, grove.peakBytes()) / 1_048_576
}

function compete(contest: Contest, { entry, home, limit, mebibytes, path }: World): boolean {
  const { age, bar, name, ours, output } = contest
  const isFile = output !== "/dev/null"
  const clear = (): void => (isFile ? rmSync(output, { force: true }) : undefined)
  const rounds = Array.from({ length: ROUNDS }, () => {
    clear()
    const ageInput = age.includes("-d") ? path("sealed.age") : path("input")
    const ageMs = timed(() => run("age", [...age, "-o", output, ageInput]))
    const flushMs = isFile ? timed(() => flush(output)) : 0
    clear()
    const into = isFile ? output : "-"
    const ourMs = timed(() =>
      run("sh", [
        "-c",
        'out=$1; shift; exec "$@" >"$out"',
        "sh",
        isFile ? "/dev/null" : output,
        process.execPath,
        entry,
        ...ours,
        "-o",
        into,
        "--home",
        home,
      ]),
    )
    return { ageMs, durableMs: ageMs + flushMs, ourMs }
  })
  clear()
  const [ageMs, durableMs, ourMs] = [
    median(rounds.map((r) => r.ageMs)),
    median(rounds.map((r) => r.durableMs)),
    median(rounds.map((r) => r.ourMs)),
  ]
  const rate = (mebibytes * 1000) / ourMs
  const met = bar === undefined || durableMs >= bar * ourMs
  const verdict = bar === undefined ? "" : ` (bar ${bar}×)  ${met ? "met" : "MISSED"}`
  const durable = isFile ? `, age and a flush ${durableMs.toFixed(0)} ms ${(durableMs / ourMs).toFixed(2)}×${verdict}` : ""
  print(
    `${name.padEnd(22)} ${ourMs.toFixed(0).padStart(6)} ms (${rate.toFixed(0)} MiB/s, ${(rate / limit).toFixed(2)} of AES)${durable}, age ${ageMs.toFixed(0)} ms ${(ageMs / ourMs).toFixed(2)}×`,
  )
  return met
}

function makeInput(file: string, mebibytes: number): void {
  const block = Buffer.alloc(1 << 20)
  const target = openSync(file, "wx", 0o600)
  for (let index = 0; index < mebibytes; index++) writeSync(target, randomFillSync(block))
  fsyncSync(target)
  closeSync(target)
}

/** What the disk takes past the page cache, in MiB/s. */
function diskRate(file: string, mebibytes: number): number {
  const ms = timed(() =>
    run("dd", ["if=/dev/zero", `of=${file}`, "bs=8M", `count=${Math.ceil(mebibytes / 8)}`, "oflag=direct", "conv=fsync", "status=none"]),
  )
  rmSync(file)
  return (mebibytes * 1000) / ms
}

function flush(file: string): void {
  const handle = openSync(file, "r+")
  fsyncSync(handle)
  closeSync(handle)
}

/** MiB a second of one core in 64 KiB blocks. */
function opensslRate(): number {
  const output = run("openssl", ["speed", "-evp", "aes-256-gcm", "-bytes", "65536", "-seconds", "1"])
  const kilobytes = /AES-256-GCM\s+([\d.]+)k/.exec(output)?.[1]
  if (kilobytes === undefined) throw new Error("openssl speed printed no figure")
  return (Number(kilobytes) * 1000) / (1 << 20)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
