import { spawn, type ChildProcess } from "node:child_process"
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"
import { programPath } from "@keygrove/node/program-path"
import { AnswerFields, callRpc } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { optional } from "../options.ts"
import { openSource } from "../passphrase-source.ts"

/** How long a detached node may take until it serves; a passphrase may have to be typed. */
const START_TIMEOUT_MS = 120_000
const LOOK_MS = 25
const MAX_LOG_TAIL_BYTES = 16_384

/** `up [--detach]`: starts the node as a process of its own and hands it the open passphrase source, unread. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const { home } = context
  if (!existsSync(home.config))
    throw commandError(
      "HOME_MISSING",
      `${home.directory} has no node; make one with \`keygrove init\`, or name another directory with --home`,
    )
  return input.options["detach"] === true ? await detached(input, context) : await foreground(input, context)
}

async function foreground(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const child = start(input, context, { output: "inherit", detached: false })
  const stop = (): boolean => child.kill("SIGTERM")
  context.signal.addEventListener("abort", stop)
  const code = await ended(child)
  context.signal.removeEventListener("abort", stop)
  // The node itself said on this terminal what happened.
  return { json: { state: "stopped" }, text: "", exitStatus: code }
}

async function detached(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const log = openSync(context.home.log, "a", 0o600)
  const from = fstatSync(log).size
  const child = start(input, context, { output: log, detached: true })
  closeSync(log)
  const pid = await waitUntilServing(context, child, from)
  child.unref()
  return { json: { state: "serving", pid, home: context.home.directory }, text: `serving as process ${pid}; log: ${context.home.log}` }
}

interface StartOptions {
  readonly output: "inherit" | number
  readonly detached: boolean
}

function start(input: CommandInput, context: CommandContext, { output, detached }: StartOptions): ChildProcess {
  const keyFile = optional(input, "keyFile")
  const args = [programPath("node"), "--home", context.home.directory, ...(keyFile === undefined ? [] : ["--key-file", keyFile])]
  const needsPassphrase = keyFile === undefined && !namesKeyFile(context.home.config)
  using source = needsPassphrase ? openSource(optional(input, "passphraseFile"), "passphrase", "--passphrase-file") : undefined
  return spawn(process.execPath, args, { stdio: ["ignore", output, output, source?.descriptor ?? "ignore"], detached })
}

async function ended(child: ChildProcess): Promise<number> {
  return await new Promise((resolve, reject) => child.on("error", reject).on("exit", (code) => resolve(code ?? 1)))
}

async function waitUntilServing(context: CommandContext, child: ChildProcess, logFrom: number): Promise<number> {
  const { home, signal } = context
  const ending = ended(child)
  const deadline = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadline) {
    const code = await Promise.race([ending, delay(LOOK_MS, undefined, { signal })])
    if (code !== undefined) throw startFailure(home.log, logFrom)
    const answer = await callRpc({ socketPath: home.socket, cookiePath: home.cookie }, "node.status", {}, { signal })
    const pid = answer.ok ? new AnswerFields("node.status", answer.value).number("pid") : undefined
    // Another node on the same home answers too, until ours has ended with its refusal.
    if (pid !== undefined && pid === child.pid) return pid
  }
  throw commandError("START_FAILED", `the node does not serve after ${START_TIMEOUT_MS / 1000} s; see ${home.log}`)
}

/** The node's own last words, which carry a code, or where to read more. */
function startFailure(log: string, from: number): CommandError {
  const line = tail(log, from)
    .trim()
    .split("\n")
    .findLast((candidate) => /^[A-Z][A-Z_]+: /.test(candidate))
  const match = /^([A-Z][A-Z_]+): (.*)$/.exec(line ?? "")
  if (match === null) return commandError("START_FAILED", `the node ended before it served; see ${log}`)
  return new CommandError(match[1] ?? "START_FAILED", match[2] ?? "")
}

function tail(log: string, from: number): string {
  const descriptor = openSync(log, "r")
  try {
    const buffer = Buffer.alloc(MAX_LOG_TAIL_BYTES)
    return buffer
      .subarray(0, readSync(descriptor, buffer, 0, buffer.length, Math.max(from, fstatSync(descriptor).size - buffer.length)))
      .toString("utf8")
  } finally {
    closeSync(descriptor)
  }
}

/** Whether the node was made with a key file, whose path is in its configuration; a damaged file is for the node itself to report. */
function namesKeyFile(config: string): boolean {
  try {
    const value: unknown = JSON.parse(readFileSync(config, "utf8"))
    return typeof value === "object" && value !== null && "keyFile" in value
  } catch {
    return false
  }
}
