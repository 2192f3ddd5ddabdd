import { spawn, type ChildProcess } from "node:child_process"
import type { Readable } from "node:stream"
import { ok, refuse, Secret, wipeableCopy, type Result } from "@keygrove/base"
import type { AttesterRefusal, CallOptions } from "@keygrove/service"
import { failureOf } from "./failures.ts"

/** One run of a program of tpm2-tools. */
export interface ToolRun {
  /** E.g. `tpm2_quote`. */
  readonly program: string
  /** Nothing secret is among them. */
  readonly args: readonly string[]
  /** Where the TPM is, as the tools take it (TCTI). */
  readonly tcti: string
  /** Directory in which relative names of `args` are files. */
  readonly directory: string
  /** What the program reads from its standard input; borrowed. */
  readonly input?: Secret
}

/** Longest that one command of a TPM may take; real ones need seconds for a key. */
const COMMAND_MS = 60_000
/** Bytes that a tool may say; more, and it is ended. */
const MAX_OUTPUT_BYTES = 64 * 1024

/** Runs a program of tpm2-tools, without a shell and without this process's environment, and gives what it wrote to standard output, if anything, which may be a secret and belongs to the caller. Ended with the signal, and after a minute. */
export async function runTool(run: ToolRun, { signal }: CallOptions): Promise<Result<Secret | undefined, AttesterRefusal>> {
  signal.throwIfAborted()
  const deadline = AbortSignal.timeout(COMMAND_MS)
  const child = spawn(run.program, [`--tcti=${run.tcti}`, ...run.args], {
    cwd: run.directory,
    env: { PATH: process.env["PATH"], LC_ALL: "C" },
    stdio: [run.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    signal: AbortSignal.any([signal, deadline]),
    killSignal: "SIGKILL",
  })
  const [output, words, end] = await Promise.all([
    gather(child, child.stdout),
    gather(child, child.stderr),
    endOf(child),
    feed(child, run.input),
  ])
  using stack = new DisposableStack()
  const [said, complaint] = [output.said, words.said].map((each) => (each === undefined ? undefined : stack.use(each)))
  signal.throwIfAborted()
  if (end.kind === "not-started") {
    if (end.code === "ENOENT")
      return refuse("TPM_TOOLS_MISSING", `the program ${run.program} is not installed; install the package tpm2-tools and try again`)
    return refuse("TPM_FAILED", `the program ${run.program} cannot be started (${end.code})`)
  }
  if (deadline.aborted) return refuse("TPM_TIMEOUT", `the TPM did not answer ${run.program} within ${COMMAND_MS / 1_000} s; try again`)
  if (output.isTooMuch || words.isTooMuch)
    return refuse("TPM_FAILED", `the program ${run.program} wrote more than ${MAX_OUTPUT_BYTES} bytes`)
  if (end.status === 0) return ok(said?.copy())
  return failureOf(run, complaint?.expose((bytes) => Buffer.from(bytes).toString("latin1")) ?? "")
}

/** What a stream said, if anything, and whether it said more than is read. */
interface Gathered {
  readonly said: Secret | undefined
  readonly isTooMuch: boolean
}

/** All that a stream says, wiped where it came in. The child is ended when it is too much. */
async function gather(child: ChildProcess, stream: Readable | null): Promise<Gathered> {
  if (stream === null) throw new TypeError("the outputs of a tool are pipes")
  using chunks = new DisposableStack()
  const parts: Secret[] = []
  let length = 0
  stream.on("data", (chunk: Buffer) => {
    length += chunk.length
    if (length <= MAX_OUTPUT_BYTES) parts.push(chunks.use(Secret.fill(chunk.length, (target) => target.set(chunk))))
    else child.kill("SIGKILL")
    chunk.fill(0)
  })
  await new Promise((resolve) => stream.once("close", resolve))
  if (length === 0 || length > MAX_OUTPUT_BYTES) return { said: undefined, isTooMuch: length > 0 }
  const said = Secret.fill(length, (target) => {
    let at = 0
    for (const part of parts) {
      part.expose((bytes) => target.set(bytes, at))
      at += part.length
    }
  })
  return { said, isTooMuch: false }
}

/** Writes a secret to the program and ends its input. */
async function feed({ stdin }: ChildProcess, input: Secret | undefined): Promise<void> {
  if (stdin === null || input === undefined) return
  const bytes = wipeableCopy(input)
  // One that was not started, or ended before it read, says so by its end.
  stdin.on("error", () => undefined)
  stdin.end(bytes)
  await new Promise((resolve) => stdin.once("close", resolve))
  bytes.fill(0)
}

type ToolEnd = { readonly kind: "not-started"; readonly code: string } | { readonly kind: "ended"; readonly status: number | undefined }

async function endOf(child: ChildProcess): Promise<ToolEnd> {
  return await new Promise((resolve) => {
    child.on("error", (error) => {
      // One that was started and then ended by a signal of ours says so by its exit.
      if (child.pid === undefined) resolve({ kind: "not-started", code: "code" in error ? String(error.code) : "unknown reason" })
    })
    child.once("close", (status) => resolve({ kind: "ended", status: status ?? undefined }))
  })
}
