import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ok, refuse, type Result, type Secret } from "@keygrove/base"
import type { AttesterRefusal, CallOptions } from "@keygrove/service"
import { runTool, type ToolRun } from "./run-tool.ts"

type Answer<T> = Promise<Result<T, AttesterRefusal>>

/** Longest file that a tool leaves for us, in bytes. */
const MAX_FILE_BYTES = 4_096
/** How long emptying a TPM may take after a command; what is left then is put out by the next work. */
const LEAVE_MS = 3_000

/**
 * One piece of work on a TPM: a private directory (0700) for what its tools pass each other, none of it secret outside of that TPM, and commands one after the
 * other. Behind a resource manager each tool leaves nothing in the TPM; without one its keys stay, and there are three places: so they are put out after each
 * command, and at the beginning those that a crash left. Disposal removes the directory.
 */
export class TpmWorkplace implements AsyncDisposable {
  readonly #tcti: string
  readonly #directory: string
  readonly #options: CallOptions

  private constructor(tcti: string, directory: string, options: CallOptions) {
    this.#tcti = tcti
    this.#directory = directory
    this.#options = options
  }

  /** Does work that ends with the signal, and leaves nothing of it. */
  static async use<T, Code extends string>(
    tcti: string,
    options: CallOptions,
    work: (place: TpmWorkplace) => Promise<Result<T, Code>>,
  ): Promise<Result<T, Code | AttesterRefusal>> {
    options.signal.throwIfAborted()
    const directory = await makeDirectory()
    if (!directory.ok) return directory
    await using place = new TpmWorkplace(tcti, directory.value, options)
    const cleaned = await place.#putOut(options)
    return cleaned.ok ? await work(place) : cleaned
  }

  /** Runs a tool, with a secret (borrowed) as its input if there is one, and takes what it left out of the TPM. */
  async run(program: string, args: readonly string[], input?: Secret): Answer<true> {
    const ran = await this.#run(program, args, input)
    if (!ran.ok) return ran
    ran.value?.[Symbol.dispose]()
    return ok(true)
  }

  /** As {@link TpmWorkplace.run}, for the secret that the tool gives, which belongs to the caller. */
  async runSecret(program: string, args: readonly string[]): Answer<Secret> {
    const ran = await this.#run(program, args)
    if (!ran.ok) return ran
    return ran.value === undefined ? refuse("TPM_FAILED", `the program ${program} gave nothing`) : ok(ran.value)
  }

  async #run(program: string, args: readonly string[], input?: Secret): Answer<Secret | undefined> {
    const run = this.#toolRun(program, args)
    try {
      return await runTool(input === undefined ? run : { ...run, input }, this.#options)
    } finally {
      await this.#putOut({ signal: AbortSignal.timeout(LEAVE_MS) }).catch(ignoreTimeout)
    }
  }

  /** What a tool left under a name, at most 4 KiB. */
  async read(name: string): Answer<Uint8Array> {
    const bytes = await readFile(join(this.#directory, name), { signal: this.#options.signal })
    if (bytes.length <= MAX_FILE_BYTES) return ok(Uint8Array.from(bytes))
    return refuse("TPM_FAILED", `a tool of the TPM wrote ${bytes.length} bytes; at most ${MAX_FILE_BYTES} are read`)
  }

  /** Puts a file where the next tool finds it. */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    await writeFile(join(this.#directory, name), bytes, { mode: 0o600, signal: this.#options.signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #putOut(options: CallOptions): Answer<true> {
    const done = await runTool(this.#toolRun("tpm2_flushcontext", ["--transient-object"]), options)
    if (!done.ok) return done
    done.value?.[Symbol.dispose]()
    return ok(true)
  }

  #toolRun(program: string, args: readonly string[]): ToolRun {
    return { program, args, tcti: this.#tcti, directory: this.#directory }
  }
}

async function makeDirectory(): Answer<string> {
  try {
    return ok(await mkdtemp(join(tmpdir(), "keygrove-tpm-")))
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
    return refuse("TPM_FAILED", `no directory for the tools of the TPM can be made in ${tmpdir()} (${reason}); check it, or set TMPDIR`)
  }
}

/** Whoever works on this TPM next puts out what was left. */
function ignoreTimeout(error: unknown): void {
  if (!(error instanceof DOMException) || error.name !== "TimeoutError") throw error
}
