import { spawn, type ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Result } from "@keygrove/base"
import { initialiseNode } from "@keygrove/node"
import { callRpc } from "keygrove/rpc"
import { bundle } from "../bundle.ts"

/** How long a node may take to say that it serves. */
const START_TIMEOUT_MS = 90_000
/** As the command line gives it to the programs it starts, so that a start takes half the time. */
const compileCache = join(import.meta.dirname, "..", "..", "..", ".cache", "compile")

/** A directory for the homes of one test file; removed on disposal. */
export async function makeStage(): Promise<AsyncDisposable & { readonly directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), "keygrove-node-"))
  return { directory, [Symbol.asyncDispose]: async () => await rm(directory, { recursive: true, force: true, maxRetries: 3 }) }
}

export interface TestHome {
  readonly directory: string
  readonly keyFile: string
  /** A file in it. */
  file(name: string): string
}

/** Makes the home of a new node that a key file unlocks. */
export async function makeHome(
  stage: string,
  name: string,
  settings: { readonly ledger?: string; readonly rpcPort?: number } = {},
): Promise<TestHome> {
  const home = join(stage, name)
  const keyFile = `${home}.key`
  await writeFile(keyFile, randomBytes(32), { mode: 0o600 })
  const made = await initialiseNode(
    {
      home,
      name,
      ledger: settings.ledger ?? "embedded",
      listen: "/ip4/127.0.0.1/tcp/0",
      rpcPort: settings.rpcPort ?? 0,
      recover: false,
      wordsOut: `${home}.words`,
      keyFile,
    },
    { signal: AbortSignal.timeout(START_TIMEOUT_MS) },
  )
  if (!made.ok) throw new Error(`${made.code}: ${made.message}`)
  return { directory: home, keyFile, file: (each) => join(home, each) }
}

/** How a node process ended. */
export interface NodeEnd {
  readonly exitStatus: number | null
  readonly signal: NodeJS.Signals | null
  /** What it said on standard error. */
  readonly log: string
}

export interface NodeProcess extends AsyncDisposable {
  readonly pid: number
  readonly ended: Promise<NodeEnd>
  readonly child: ChildProcess
  /** Calls a method over the Unix socket. */
  call(method: string, params?: object): Promise<Result<unknown>>
  /** Waits until the log has a line that matches. */
  said(pattern: RegExp): Promise<void>
}

/**
 * Starts the node program without waiting until it serves; `environment` is added to that of the tests. `runner` is a command that runs another one,
 * e.g. `setpriv`.
 */
export function launchNode(home: TestHome, environment: NodeJS.ProcessEnv = {}, runner: readonly string[] = []): NodeProcess {
  const [program, ...args] = [...runner, process.execPath, join(bundle, "node.mjs"), "--home", home.directory]
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...environment, NODE_COMPILE_CACHE: compileCache },
  })
  let log = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (log += text))
  const ended = new Promise<NodeEnd>((resolve, reject) => {
    child.once("error", reject).once("close", (exitStatus, signal) => resolve({ exitStatus, signal, log }))
  })
  const said = async (pattern: RegExp): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const look = (): void => void (pattern.test(log) && resolve(undefined))
    const timer = setTimeout(() => reject(new Error(`the node never said ${pattern.source}; it said:\n${log}`)), START_TIMEOUT_MS)
    child.stderr.on("data", look)
    void ended.then(() => reject(new Error(`the node ended before it said ${pattern.source}; it said:\n${log}`)))
    look()
    await promise.finally(() => {
      clearTimeout(timer)
      child.stderr.off("data", look)
    })
  }
  return {
    pid: child.pid ?? -1,
    child,
    ended,
    said,
    call: async (method, params = {}) =>
      await callRpc({ socketPath: home.file("rpc.sock"), cookiePath: home.file(".cookie") }, method, params),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM")
      const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS)
      await ended
      clearTimeout(timer)
    },
  }
}

/** Starts the node program and waits until it serves. */
export async function startNodeProcess(
  home: TestHome,
  environment: NodeJS.ProcessEnv = {},
  runner: readonly string[] = [],
): Promise<NodeProcess> {
  const node = launchNode(home, environment, runner)
  await node.said(/^serving /m)
  return node
}

/** Processes started by `pid` that are still there (Linux). */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => parentOf(each) === pid)
}

/** Whether a process is there and not a zombie (Linux). */
export function isAlive(pid: number): boolean {
  const state = statOf(pid)[0]
  return state !== undefined && state !== "Z"
}

function parentOf(pid: number): number {
  return Number(statOf(pid)[1] ?? -1)
}

/** Fields of /proc/PID/stat from the state on; the name before it may hold anything. */
function statOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1)?.trim().split(" ") ?? []
  } catch {
    return []
  }
}
