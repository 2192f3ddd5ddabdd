import { spawn, type ChildProcess } from "node:child_process"
import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { createInterface } from "node:readline"
import { setTimeout as delay } from "node:timers/promises"
import { forgetKeyVariables, readConfig, type NodeConfig } from "@keygrove/node/config"
import { checkHome, homeOf } from "@keygrove/node/home"
import { programPath } from "@keygrove/node/program-path"
import { generatedWarning } from "@keygrove/node/unlock-means"
import { exitStatuses } from "@keygrove/base/exit-statuses"
import { AnswerFields, callRpc } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { optional } from "../options.ts"
import { errnoOf, hasTerminal, openSource } from "../passphrase-source.ts"
import { startMeans, type StartMeans } from "../start-means.ts"

/** How long a detached node may take until it serves; a passphrase may have to be typed. */
const START_TIMEOUT_MS = 120_000
const LOOK_MS = 25
/** How long a node that asks its peers may take until they were asked. */
const PEERS_TIMEOUT_MS = 30_000
/** How often peers are asked before a detached node is left to itself. */
const ASKED_ROUNDS = 3
const MAX_LOG_TAIL_BYTES = 16_384

/** `up [--detach]`: starts the node as a process of its own and hands it the open passphrase source, unread. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const home = checkHome(homeOf(context.home.directory))
  if (!home.ok) throw new CommandError(home.code, home.message)
  return input.options["detach"] === true ? await detached(input, context) : await foreground(input, context)
}

async function foreground(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const child = await start(input, context, { output: context.json ? "pipe" : "inherit", detached: false })
  const stop = (): boolean => child.kill("SIGTERM")
  context.signal.addEventListener("abort", stop)
  try {
    const [exitStatus, lastLine] = await Promise.all([ended(child), forwardLog(child, context.stderr)])
    if (exitStatus !== 0 && lastLine !== undefined) throw refusalOf(lastLine) ?? commandError("START_FAILED", lastLine)
    // Without --json the node itself said on this terminal what happened.
    return { json: { state: "stopped" }, text: "", exitStatus }
  } finally {
    context.signal.removeEventListener("abort", stop)
  }
}

/** Passes on what a node with piped output logs, but its last line, which may be why it ended. */
async function forwardLog(child: ChildProcess, stderr: NodeJS.WriteStream): Promise<string | undefined> {
  if (child.stderr === null) return undefined
  const state: { last: string | undefined } = { last: undefined }
  for await (const line of createInterface({ input: child.stderr })) {
    if (state.last !== undefined) stderr.write(`${state.last}\n`)
    state.last = line
  }
  return state.last
}

async function detached(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const log = openLog(context.home.log)
  const from = fstatSync(log).size
  const child = await start(input, context, { output: log, detached: true })
  closeSync(log)
  const status = await waitUntilAnswering(context, child, from).catch(async (error: unknown) => {
    // Nobody waits for it any more: it must not go on asking for the passphrase on this terminal.
    if (child.kill("SIGTERM")) await ended(child)
    throw error
  })
  child.unref()
  return startedOutcome(status, input, context)
}

function startedOutcome(status: AnswerFields, input: CommandInput, context: CommandContext): CommandOutcome {
  const { home } = context
  const [pid, state] = [status.number("pid"), status.text("state")]
  const config = readConfig(home.config)
  const warnings = config.ok ? generatedWarning(home.directory, config.value) : []
  const waits = state === "serving" || input.options["locked"] === true ? undefined : waitingText(status)
  const how = state === "serving" ? "serving" : waits === undefined ? "locked (`keygrove unlock` opens it)" : "locked"
  const lines = [
    `${how} as process ${pid}; log: ${home.log}`,
    ...(waits === undefined ? [] : waitingLines(state, waits, status.object("unlocks").text("by"))),
    ...warnings.map((warning) => `warning: ${warning}`),
  ]
  const unlocking =
    waits === undefined ? {} : { waits, unlocking: status.get("unlocking") ?? null, delegation: status.get("delegation") ?? null }
  const exit = waits === undefined ? {} : { exitStatus: exitStatuses.locked }
  return { json: { state, pid, home: home.directory, ...unlocking, warnings }, text: lines.join("\n"), ...exit }
}

/** @param by who is asked, as `config.json` says. */
function waitingLines(state: string, waits: string, by: string): readonly string[] {
  const [who, waiting] = by === "delegated" ? ["no grant unlocks", ""] : ["its peers cannot unlock", "waits for its peers: "]
  if (state === "locked") return [`${who} it: ${waits}`, "`keygrove unlock` opens it with its passphrase or key file"]
  return [`${waiting}${waits}`, "it goes on by itself; `keygrove unlock` opens it with its passphrase or key file instead"]
}

/** What a node waits for that others do not unlock. */
function waitingText(status: AnswerFields): string {
  const progress = progressOf(status)
  if (progress !== undefined) return progress.text("text")
  return status.texts("warnings").join("; ") || "they have not answered yet"
}

function openLog(path: string): number {
  try {
    return openSync(path, "a", 0o600)
  } catch (cause) {
    const reason = errnoOf(cause)
    throw new CommandError("HOME_UNWRITABLE", `${path} cannot be written (${reason}); check the permissions of the home directory`, {
      cause,
    })
  }
}

interface StartOptions {
  readonly output: "inherit" | "pipe" | number
  readonly detached: boolean
}

async function start(input: CommandInput, context: CommandContext, { output, detached }: StartOptions): Promise<ChildProcess> {
  const keyFile = optional(input, "keyFile")
  const args = [programPath("node"), "--home", context.home.directory, ...(keyFile === undefined ? [] : ["--key-file", keyFile])]
  const config = readConfig(context.home.config)
  if (!config.ok) throw new CommandError(config.code, config.message)
  const passphraseFile = optional(input, "passphraseFile")
  const means = await meansOf(input, context, config.value)
  if (means === "locked" || means === "pieces" || means === "delegated") args.push(`--${means}`)
  const needsPassphrase = ["given", "passphrase"].includes(means) && keyFile === undefined && config.value.keyFile === undefined
  using source = needsPassphrase ? openSource(passphraseFile, "passphrase", "--passphrase-file") : undefined
  if (source !== undefined) args.push("--passphrase-inherited")
  const child = spawn(process.execPath, args, { stdio: ["ignore", output, output, source?.descriptor ?? "ignore"], detached })
  // The node has inherited them.
  forgetKeyVariables(config.value)
  return child
}

async function meansOf(input: CommandInput, { home }: CommandContext, config: NodeConfig): Promise<StartMeans> {
  const [locked, isGiven] = [
    input.options["locked"] === true,
    [optional(input, "keyFile"), optional(input, "passphraseFile")].some((each) => each !== undefined),
  ]
  if (locked && isGiven) throw commandError("USAGE_INVALID", "--locked starts the node without any secret; give it to `keygrove unlock`")
  const { unlock: others } = config
  const asks = others !== undefined && !locked && !isGiven
  return startMeans({
    locked,
    isGiven,
    others,
    opensByOthers: asks && (await import("@keygrove/node/opens-by-others")).opensByOthers(homeOf(home.directory).keystore, others),
    hasKeyFile: config.keyFile !== undefined,
    hasTerminal: asks && hasTerminal(),
  })
}

async function ended(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? 1
  return await new Promise((resolve, reject) => child.on("error", reject).on("exit", (code) => resolve(code ?? 1)))
}

/** Waits until a node serves, or waits for somebody else: for `keygrove unlock`, or for its peers, which were asked a few times. */
async function waitUntilAnswering(context: CommandContext, child: ChildProcess, logFrom: number): Promise<AnswerFields> {
  const { home, signal } = context
  const ending = ended(child)
  const started = performance.now()
  while (performance.now() < started + START_TIMEOUT_MS) {
    const code = await Promise.race([ending, delay(LOOK_MS, undefined, { signal })])
    if (code !== undefined) throw startFailure(home.log, logFrom)
    const answer = await callRpc({ socketPath: home.socket, cookiePath: home.cookie }, "node.status", {}, { signal })
    const status = answer.ok ? new AnswerFields("node.status", answer.value) : undefined
    const pid = status?.number("pid")
    // Another node on the same home answers too, until ours has ended with its refusal.
    if (status !== undefined && pid === child.pid && isSettled(status, performance.now() - started)) return status
  }
  throw commandError("START_FAILED", `the node does not serve after ${START_TIMEOUT_MS / 1000} s; see ${home.log}`)
}

/** Whether the state of a node is one that it does not leave at once by itself. */
function isSettled(status: AnswerFields, elapsedMs: number): boolean {
  if (status.text("state") !== "unlocking") return true
  // Nobody to ask is known yet, as when its copy of the ledger is old and the ledger's host is off.
  const progress = progressOf(status)
  if (progress === undefined) return elapsedMs > PEERS_TIMEOUT_MS
  // An approval, or a grant, is for a person to give.
  const waitsForPerson =
    progress.get("code") === "NO_POLICY" || (progress.get("waiting") !== undefined && progress.texts("waiting").length > 0)
  return progress.number("rounds") >= ASKED_ROUNDS || waitsForPerson
}

/** How far others are with a locked node; `undefined` before anybody answered. */
function progressOf(status: AnswerFields): AnswerFields | undefined {
  const name = ["unlocking", "delegation"].find((each) => (status.get(each) ?? null) !== null)
  return name === undefined ? undefined : status.object(name)
}

/** The node's own last words, which carry a code, or where to read more. */
function startFailure(log: string, from: number): CommandError {
  const line = tail(log, from)
    .trim()
    .split("\n")
    .findLast((candidate) => refusalOf(candidate) !== undefined)
  return refusalOf(line ?? "") ?? commandError("START_FAILED", `the node ended before it served; see ${log}`)
}

/** A logged line that carries a code, as the refusal it tells. */
function refusalOf(line: string): CommandError | undefined {
  const match = /^([A-Z][A-Z0-9_]+): (.*)$/.exec(line)
  return match === null ? undefined : new CommandError(match[1] ?? "", match[2] ?? "")
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
