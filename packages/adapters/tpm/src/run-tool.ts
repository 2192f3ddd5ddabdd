import { spawn, type ChildProcess } from "node:child_process"
import type { Readable } from "node:stream"
import { ok, refuse, type Result } from "@keygrove/base"
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
}

/** Longest that one command of a TPM may take; real ones need seconds for a key. */
const COMMAND_MS = 60_000
/** Bytes that a tool may say; more, and it is ended. */
const MAX_OUTPUT_BYTES = 64 * 1024

/** Runs a program of tpm2-tools, without a shell and without this process's environment, and gives what it wrote to standard output. Ended with the signal, and after a minute. */
export async function runTool(run: ToolRun, { signal }: CallOptions): Promise<Result<Uint8Array, AttesterRefusal>> {
  signal.throwIfAborted()
  const deadline = AbortSignal.timeout(COMMAND_MS)
  const child = spawn(run.program, [`--tcti=${run.tcti}`, ...run.args], {
    cwd: run.directory,
    env: { PATH: process.env["PATH"], LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.any([signal, deadline]),
    killSignal: "SIGKILL",
  })
  const [output, words, end] = await Promise.all([gather(child, child.stdout), gather(child, child.stderr), endOf(child)])
  signal.throwIfAborted()
  if (end.kind === "not-started") {
    if (end.code === "ENOENT")
      return refuse("TPM_TOOLS_MISSING", `the program ${run.program} is not installed; install the package tpm2-tools and try again`)
    return refuse("TPM_FAILED", `the program ${run.program} cannot be started (${end.code})`)
  }
  if (deadline.aborted) return refuse("TPM_TIMEOUT", `the TPM did not answer ${run.program} within ${COMMAND_MS / 1_000} s; try again`)
  if (output === undefined || words === undefined)
    return refuse("TPM_FAILED", `the program ${run.program} wrote more than ${MAX_OUTPUT_BYTES} bytes`)
  return end.status === 0 ? ok(Uint8Array.from(output)) : failureOf(run, words.toString("latin1"))
}

/** All that a stream says; `undefined` when it is too much, and the child is ended then. */
async function gather(child: ChildProcess, stream: Readable): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  stream.on("data", (chunk: Buffer) => {
    length += chunk.length
    if (length <= MAX_OUTPUT_BYTES) chunks.push(chunk)
    else child.kill("SIGKILL")
  })
  await new Promise((resolve) => stream.once("close", resolve))
  return length <= MAX_OUTPUT_BYTES ? Buffer.concat(chunks) : undefined
}

type ToolEnd = { readonly kind: "not-started"; readonly code: string } | { readonly kind: "ended"; readonly status: number | undefined }

async function endOf(child: ChildProcess): Promise<ToolEnd> {
  return await new Promise((resolve) => {
    child.once("error", (error) => {
      // One that was started and then ended by a signal of ours says so by its exit.
      if (child.pid === undefined) resolve({ kind: "not-started", code: "code" in error ? String(error.code) : "unknown reason" })
    })
    child.once("close", (status) => resolve({ kind: "ended", status: status ?? undefined }))
  })
}
