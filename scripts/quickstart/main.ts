import { stat } from "node:fs/promises"
import { parseArgs } from "node:util"
import { KeygroveError } from "@keygrove/base"
import { byteCount } from "../../packages/apps/cli/src/text.ts"
import { startGrove, type Grove } from "../../packages/apps/cli/src/grove/grove.ts"
import { Narrator } from "./narrator.ts"
import { runMainJob } from "./main-job.ts"

const USAGE = "usage: npm run quickstart [-- FILE] [-- --keep] [-- --json]"

/** The main job of Keygrove with real processes on this machine; exit status 0 when every step did what it must. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { keep: { type: "boolean" }, json: { type: "boolean" } } })
  const [file] = positionals
  if (file === undefined || positionals.length > 1) throw new TypeError(`one FILE is needed; ${USAGE}`)
  const facts = await stat(file).catch(() => undefined)
  if (facts?.isFile() !== true) throw new KeygroveError("FILE_UNREADABLE", `${file} is not a file that can be read; ${USAGE}`)

  const interruption = new AbortController()
  const interrupt = (): void => interruption.abort(new Error("interrupted; everything is stopped and removed"))
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt).on("SIGHUP", interrupt)
  const narrator = new Narrator(values.json === true)
  try {
    narrator.begin(`quickstart with ${file} (${byteCount(facts.size)})`)
    const { kept, peakBytes } = await shownOnce(file, { narrator, keeping: values.keep === true, signal: interruption.signal })
    // Only now, with everything stopped and removed, is it true that nothing is left behind.
    narrator.finish({ file, bytes: facts.size, peakBytes, kept })
    return 0
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt).off("SIGHUP", interrupt)
  }
}

interface Showing {
  readonly narrator: Narrator
  readonly keeping: boolean
  readonly signal: AbortSignal
}

/** Starts everything, does the main job, and stops and removes it again, unless it is to be kept; then says where. */
async function shownOnce(
  file: string,
  { keeping, narrator, signal }: Showing,
): Promise<{ readonly kept: string | null; readonly peakBytes: number }> {
  const proxies = ["proxy-1", "proxy-2", "proxy-3", "proxy-4", "proxy-5"]
  await using grove = await startGrove({ nodes: ["laptop", "phone", "server"], readers: ["bob"], proxies }, signal)
  narrator.step("started", "3 nodes of Alice, 1 of Bob and 5 proxies serve, each with processes and a home of its own")
  const commandPeak = await runMainJob({ grove, file, narrator, signal })
  const peakBytes = Math.max(commandPeak, grove.peakBytes())
  if (keeping) keep(grove, narrator)
  return { kept: keeping ? grove.directory : null, peakBytes }
}

function keep(grove: Grove, narrator: Narrator): void {
  grove.release()
  const running = grove.members.filter((member) => member.name !== "proxy-5")
  narrator.note(`left running in ${grove.directory}`)
  for (const member of running) narrator.note(`  ./keygrove status --home ${member.home}`)
  const [owner] = running
  if (owner !== undefined) narrator.note(`the console, in a browser of this machine: ./keygrove console --open --home ${owner.home}`)
  narrator.note(
    `stop and remove: for home in ${running.map((member) => member.home).join(" ")}; do ./keygrove down --home $home; done; rm -r ${grove.directory}`,
  )
}

process.exitCode = await main().catch((error: unknown) => {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "QUICKSTART_FAILED"
  process.stderr.write(`${code}: ${error instanceof Error ? error.message : String(error)}\n`)
  if (process.env["KEYGROVE_DEBUG"] === "1" && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`)
  return 1
})
