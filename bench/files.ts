import { spawnSync } from "node:child_process"
import { closeSync, createWriteStream, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { randomFillSync } from "node:crypto"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { nativePrimitives } from "@keygrove/curves-native"
import { decryptFile, encryptFile } from "../packages/apps/sdk/src/files/crypt-file.ts"
import { fixtureKey, fixtureLabel, fixtureTools } from "../packages/apps/sdk/src/files/file-fixture.ts"

const ROUNDS = 3
const RSS_LIMIT_MIB = 250
const { signal } = new AbortController()

const { values, positionals } = parseArgs({ options: { size: { type: "string", default: "1024" } }, allowPositionals: true })
const [role, from, to] = positionals
if (role === undefined) compare(Number(values.size))
else await work(role, from ?? "", to ?? "")

/** One run in a process of its own; prints its peak memory in MiB and its time without start-up in ms. */
async function work(task: string, input: string, output: string): Promise<void> {
  const ends = { input, output: output === "/dev/null" ? createWriteStream(output) : output }
  const start = performance.now()
  if (task === "encrypt") await encryptFile(fixtureTools, ends, { ...fixtureLabel, signal })
  else await decryptFile(nativePrimitives, ends, { fileKey: fixtureKey, signal })
  process.stdout.write(JSON.stringify({ rss: Math.round(process.resourceUsage().maxRSS / 1024), innerMs: performance.now() - start }))
}

interface Contest {
  readonly name: string
  readonly age: readonly string[]
  readonly task: "encrypt" | "decrypt"
  readonly input: string
  readonly output: string
}

/** Runs both programs in turn on the same input, ROUNDS times, every run from start to exit. */
function compare(mebibytes: number): void {
  if (!Number.isSafeInteger(mebibytes) || mebibytes < 1) throw new RangeError("--size is a number of MiB from 1")
  if (spawnSync("age", ["--version"]).status !== 0)
    throw new Error("age is missing: install it with `apt-get install age` and run the benchmark again")
  const directory = mkdtempSync(join(tmpdir(), "keygrove-bench-"))
  const path = (name: string): string => join(directory, name)
  try {
    makeInput(path("input"), mebibytes)
    const identity = path("identity")
    run("age-keygen", ["-o", identity])
    const recipient = /age1[a-z0-9]+/.exec(readFileSync(identity, "utf8"))?.[0] ?? ""
    const encryptAge = ["-r", recipient]
    run("age", [...encryptAge, "-o", path("sealed.age"), path("input")])
    runOurs("encrypt", path("input"), path("sealed.kg"))
    const contests: readonly Contest[] = [
      { name: "encrypt", age: [...encryptAge, path("input")], task: "encrypt", input: path("input"), output: path("output") },
      { name: "encrypt to /dev/null", age: [...encryptAge, path("input")], task: "encrypt", input: path("input"), output: "/dev/null" },
      {
        name: "decrypt",
        age: ["-d", "-i", identity, path("sealed.age")],
        task: "decrypt",
        input: path("sealed.kg"),
        output: path("output"),
      },
      {
        name: "decrypt to /dev/null",
        age: ["-d", "-i", identity, path("sealed.age")],
        task: "decrypt",
        input: path("sealed.kg"),
        output: "/dev/null",
      },
    ]
    const limit = opensslRate()
    print(
      `${mebibytes} MiB of random bytes in ${directory}; median of ${ROUNDS}; a keygrove output is flushed to the disk before it gets its name, age's is not`,
    )
    print(`limit: openssl speed aes-256-gcm ${limit.toFixed(0)} MiB/s on one core`)
    for (const contest of contests) report(contest, mebibytes, limit)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function report(contest: Contest, mebibytes: number, limit: number): void {
  const { name, age, task, input, output } = contest
  const toFile = output !== "/dev/null"
  const rounds = Array.from({ length: ROUNDS }, () => {
    if (toFile) rmSync(output, { force: true })
    const ageMs = timed(() => run("age", [...age.slice(0, -1), "-o", output, age.at(-1) ?? ""]))
    const flushMs = toFile ? timed(() => flush(output)) : 0
    if (toFile) rmSync(output, { force: true })
    let own: OwnFigures = { rss: 0, innerMs: 0 }
    const ourMs = timed(() => (own = runOurs(task, input, output)))
    return { ageMs, durableAgeMs: ageMs + flushMs, ourMs, ...own }
  })
  const [ageMs, durableAgeMs, ourMs] = [
    median(rounds.map((r) => r.ageMs)),
    median(rounds.map((r) => r.durableAgeMs)),
    median(rounds.map((r) => r.ourMs)),
  ]
  const rss = Math.max(...rounds.map((r) => r.rss))
  const innerMs = median(rounds.map((r) => r.innerMs))
  const rate = (mebibytes * 1000) / innerMs
  print(
    `${name}: keygrove ${ourMs.toFixed(0)} ms, ${innerMs.toFixed(0)} of them after start-up (${rate.toFixed(0)} MiB/s, ${(rate / limit).toFixed(2)} of the limit), age ${ageMs.toFixed(0)} ms, ratio ${(ageMs / ourMs).toFixed(2)}`,
  )
  if (toFile)
    print(
      `${name}: age flushed to the disk too ${durableAgeMs.toFixed(0)} ms, ratio ${(durableAgeMs / ourMs).toFixed(2)} (bar for encrypt: 2)`,
    )
  print(`${name}: peak memory ${rss} MiB (bar: under ${RSS_LIMIT_MIB})${rss < RSS_LIMIT_MIB ? "" : " MISSED"}`)
}

function makeInput(file: string, mebibytes: number): void {
  const block = Buffer.alloc(1 << 20)
  const target = openSync(file, "wx", 0o600)
  for (let index = 0; index < mebibytes; index++) writeSync(target, randomFillSync(block))
  fsyncSync(target)
  closeSync(target)
}

function flush(file: string): void {
  const handle = openSync(file, "r+")
  fsyncSync(handle)
  closeSync(handle)
}

interface OwnFigures {
  readonly rss: number
  readonly innerMs: number
}

function runOurs(task: string, input: string, output: string): OwnFigures {
  return JSON.parse(run(process.execPath, ["--no-warnings", import.meta.filename, task, input, output]))
}

function run(command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { encoding: "utf8" })
  if (result.status !== 0) throw new Error(`${command} failed: ${result.stderr}`)
  return result.stdout
}

/** MiB a second of one core in 64 KiB blocks. */
function opensslRate(): number {
  const output = run("openssl", ["speed", "-evp", "aes-256-gcm", "-bytes", "65536", "-seconds", "1"])
  const kilobytes = /AES-256-GCM\s+([\d.]+)k/.exec(output)?.[1]
  if (kilobytes === undefined) throw new Error("openssl speed printed no figure")
  return (Number(kilobytes) * 1000) / (1 << 20)
}

function timed(action: () => unknown): number {
  const start = performance.now()
  action()
  return performance.now() - start
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
