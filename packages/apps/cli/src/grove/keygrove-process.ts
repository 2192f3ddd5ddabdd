import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { commandError, CommandError } from "../errors.ts"
import { watchPeakMemory } from "./peak-memory.ts"

/** The command line's entry: its source in a checkout, the file beside this one in a distribution. */
const entry = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "../entry.js" : "./keygrove.mjs", import.meta.url))
/** Most output kept of one command, in bytes. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024

export interface KeygroveCall {
  readonly home: string
  readonly signal: AbortSignal
  /** The command line's entry file; the one beside this module by default. */
  readonly entry?: string
}

export interface KeygroveAnswer {
  readonly exitStatus: number
  /** The JSON object of standard output, or of standard error when the command failed. */
  readonly answer: Readonly<Record<string, unknown>>
  /** Highest resident memory seen, in bytes. */
  readonly peakBytes: number
}

/** Runs one `keygrove` command as a process of its own, with `--json`, and waits for it. */
export async function runKeygrove(args: readonly string[], call: KeygroveCall): Promise<KeygroveAnswer> {
  call.signal.throwIfAborted()
  const child = spawn(process.execPath, [call.entry ?? entry, ...args, "--json", "--home", call.home], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  const stop = (): boolean => child.kill("SIGTERM")
  call.signal.addEventListener("abort", stop)
  using memory = watchPeakMemory(child.pid)
  try {
    const ended = new Promise<number>((resolve, reject) => {
      child.on("error", reject)
      child.on("close", (code) => resolve(code ?? 1))
    })
    const [exitStatus, out, err] = await Promise.all([ended, collect(child.stdout), collect(child.stderr)])
    call.signal.throwIfAborted()
    return { exitStatus, answer: lastObject(exitStatus === 0 || out.trim() !== "" ? out : err), peakBytes: memory.peakBytes() }
  } finally {
    call.signal.removeEventListener("abort", stop)
  }
}

/**
 * As {@link runKeygrove}, for a command that must succeed.
 * @throws CommandError with the command's own code and message.
 */
export async function expectKeygrove(args: readonly string[], call: KeygroveCall): Promise<KeygroveAnswer> {
  const ended = await runKeygrove(args, call)
  if (ended.exitStatus === 0) return ended
  const { code, message } = ended.answer
  throw new CommandError(
    typeof code === "string" ? code : "UNEXPECTED",
    `keygrove ${args[0] ?? ""} ended with status ${ended.exitStatus}: ${typeof message === "string" ? message : "no message"}`,
  )
}

/** A text field of an answer. */
export function textField(answer: Readonly<Record<string, unknown>>, name: string): string {
  const value = answer[name]
  if (typeof value !== "string") throw commandError("UNEXPECTED", `the answer of a command has no text field "${name}"`)
  return value
}

async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = []
  const state = { length: 0 }
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk)
    state.length += bytes.length
    if (state.length <= MAX_OUTPUT_BYTES) chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString("utf8")
}

/** The last line that is a JSON object; warnings may come before it. */
function lastObject(text: string): Readonly<Record<string, unknown>> {
  const line = text
    .trim()
    .split("\n")
    .findLast((candidate) => candidate.startsWith("{"))
  if (line === undefined) return { code: "UNEXPECTED", message: text.trim().split("\n").at(-1) ?? "no output" }
  const value: unknown = JSON.parse(line)
  return isRecord(value) ? value : {}
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null
}
